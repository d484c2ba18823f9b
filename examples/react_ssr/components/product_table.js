import { Badge } from './badge.js'
import { h } from './h.js'
import { Price } from './price.js'
import { Rating } from './rating.js'

const COLUMNS = ['Product', 'Rating', 'In stock', 'Price']

export function ProductTable ({ products, locale, currency }) {
  return h('table', { className: 'products' },
    h('thead', null, h('tr', null, COLUMNS.map((name) => h('th', { key: name, scope: 'col' }, name)))),
    h('tbody', null, products.map((product, index) =>
      h(Row, { key: product.id, product, index, locale, currency }))))
}

function Row ({ product: { id, name, rating, stock, price, tags }, index, locale, currency }) {
  return h('tr', { className: index % 2 ? 'odd' : 'even', 'data-id': id },
    h('td', null,
      h('a', { href: `/product/${id}` }, name),
      tags.map((tag) => h(Badge, { key: tag, tag }))),
    h('td', null, h(Rating, { stars: rating })),
    h('td', { className: stock === 0 ? 'none' : undefined }, stock === 0 ? 'sold out' : stock),
    h('td', { style: { textAlign: 'right' } }, h(Price, { cents: price, locale, currency })))
}
