import { h } from './h.js'

const LABELS = { new: 'New', sale: 'On sale', eco: '🌱 Eco', last: 'Last ones' }

export function Badge ({ tag }) {
  return h('span', { className: `badge badge-${tag}` }, LABELS[tag] ?? tag)
}
