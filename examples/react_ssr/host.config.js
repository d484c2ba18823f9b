import './production.js'
import { PassThrough } from 'node:stream'
import { renderToPipeableStream, renderToString } from 'react-dom/server'

import { h } from './components/h.js'
import { Page } from './components/page.js'

/** The whole page as HTML. Its props are what `catalogue.py` makes. */
export function renderPage (props) {
  return '<!doctype html>' + renderToString(h(Page, props))
}

/**
 * The same page in parts: first all but the reviews, and those when `loadReviews`, a function of the Python program, has them.
 * When nobody reads on, React stops rendering.
 */
export function streamPage ({ loadReviews, ...props }) {
  const html = new PassThrough()
  const reviews = loadReviews(props.products.slice(0, 3).map(({ id }) => id))
  const { pipe, abort } = renderToPipeableStream(h(Page, { ...props, reviews }), {
    onShellReady: () => pipe(html),
    onShellError: (error) => html.destroy(error),
    onError: (error) => console.error(`streamPage: ${error.message}`)
  })
  this.signal.addEventListener('abort', () => abort(this.signal.reason))
  return html
}
