import { h } from './h.js'

/** Links to all pages; the current one is plain text. */
export function Pagination ({ page, pages }) {
  const numbers = Array.from({ length: pages }, (_, index) => index + 1)
  return h('nav', { 'aria-label': 'Pages', className: 'pagination' },
    numbers.map((number) => number === page
      ? h('strong', { key: number, 'aria-current': 'page' }, number)
      : h('a', { key: number, href: `?page=${number}` }, number)))
}
