import { h } from './h.js'

/** The list of categories; the one being shown is marked, not linked. */
export function CategoryNav ({ categories, current }) {
  return h('nav', { 'aria-label': 'Categories' },
    h('ul', null, categories.map((category) =>
      h('li', { key: category.id }, h(CategoryLink, { category, active: category.id === current })))))
}

function CategoryLink ({ category: { id, name, count }, active }) {
  const label = `${name} (${count})`
  if (active) return h('span', { 'aria-current': 'page' }, label)
  return h('a', { href: `/catalogue/${id}` }, label)
}
