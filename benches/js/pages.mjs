// The React page, rendered by Node on its own: the props come first on stdin, then how many pages to render, line by line.
import { createInterface } from 'node:readline'
import functions from './functions.cjs'

let props
for await (const line of createInterface({ input: process.stdin })) {
  if (props === undefined) props = JSON.parse(line)
  else for (let left = Number(line); left > 0; left--) functions.renderPage(props)
  console.log('done')
}
