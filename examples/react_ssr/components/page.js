import { Suspense } from 'react'

import { h } from './h.js'
import { CategoryNav } from './category_nav.js'
import { Header } from './header.js'
import { Pagination } from './pagination.js'
import { ProductTable } from './product_table.js'
import { Reviews } from './reviews.js'

/** The document: everything below gets its data from here, as props. */
export function Page ({ title, locale, currency, user, categories, category, products, page, pages, reviews }) {
  return h('html', { lang: locale },
    h('head', null,
      h('meta', { charSet: 'utf-8' }),
      h('title', null, title)),
    h('body', null,
      h(Header, { title, user }),
      h(CategoryNav, { categories, current: category }),
      h('main', null,
        h(ProductTable, { products, locale, currency }),
        h(Pagination, { page, pages }),
        reviews && h(Suspense, { fallback: h('p', null, '…') }, h(Reviews, { reviews })))))
}
