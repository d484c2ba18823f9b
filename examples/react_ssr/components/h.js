/** `h(Component, props, ...children)`: JSX without a build step. */
export { createElement as h } from 'react'
