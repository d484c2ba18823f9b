// The React page, rendered by Node on its own: the props come first on stdin, then how many pages to render, line by line.
// With `codec` it decodes the props for each page, and encodes the page, as who is asked by others must.
import { createInterface } from 'node:readline'
import functions from './functions.cjs'

let bytes, props
const alone = () => functions.renderPage(props)
const withCodec = () => Buffer.from(functions.renderPage(JSON.parse(bytes.toString())))
const render = process.argv[2] === 'codec' ? withCodec : alone
for await (const line of createInterface({ input: process.stdin })) {
  if (props === undefined) { bytes = Buffer.from(line); props = JSON.parse(line) } else for (let left = Number(line); left > 0; left--) render()
  console.log('done')
}
