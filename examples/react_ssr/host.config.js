import './production.js'
import { renderToString } from 'react-dom/server'

import { h } from './components/h.js'
import { Page } from './components/page.js'

/** The whole page as HTML. Its props are what `catalogue.py` makes. */
export function renderPage (props) {
  return '<!doctype html>' + renderToString(h(Page, props))
}
