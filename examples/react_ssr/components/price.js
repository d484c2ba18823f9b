import { h } from './h.js'

// A NumberFormat costs far more to make than to use: one for each locale and currency.
const formats = new Map()

function formatFor (locale, currency) {
  const key = `${locale} ${currency}`
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale, { style: 'currency', currency }))
  return formats.get(key)
}

export function Price ({ cents, locale, currency }) {
  return h('data', { className: 'price', value: cents / 100 }, formatFor(locale, currency).format(cents / 100))
}
