import { h } from './h.js'

export function Header ({ title, user }) {
  return h('header', { className: 'site-header' },
    h('h1', null, title),
    h('p', { className: 'greeting' }, 'Signed in as ', h('strong', null, user)))
}
