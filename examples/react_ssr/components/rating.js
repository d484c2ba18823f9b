import { h } from './h.js'

const OUT_OF = 5

export function Rating ({ stars }) {
  const full = Math.round(stars)
  return h('span', { className: 'rating', title: `${stars} of ${OUT_OF}` },
    '★'.repeat(full) + '☆'.repeat(OUT_OF - full))
}
