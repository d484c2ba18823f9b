import { use } from 'react'

import { h } from './h.js'

/** What customers say. `reviews` is a promise of it: the page around it is sent before it is there. */
export function Reviews ({ reviews }) {
  return h('ul', { className: 'reviews' },
    use(reviews).map(({ author, text }) => h('li', { key: author }, h('strong', null, author), ' ', text)))
}
