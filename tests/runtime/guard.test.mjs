import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Token, isFromPage, isOurName } from '../../src/js_host/runtime/guard.mjs'
import { isLoopback } from '../../src/js_host/runtime/loopback.mjs'

const LOCAL = { localAddress: '127.0.0.1', localPort: 9009, port: 80, names: ['127.0.0.1', 'shop.internal', 'tunnel:8000'] }
const OUTSIDE = { ...LOCAL, localAddress: '10.1.2.3' }

for (const [header, onLoopback, outside] of [
  ['127.0.0.1:9009', true, true],
  ['localhost:9009', true, true],
  ['LocalHost:9009', true, true],
  ['[::1]:9009', true, true],
  [undefined, true, true],
  ['', true, true],
  ['shop.internal', true, true],
  ['SHOP.internal:1', true, true],
  ['tunnel:8000', true, true],
  ['tunnel:8001', false, false],
  ['tunnel', false, false],
  ['127.0.0.1', false, true],
  ['127.0.0.1:9008', false, true],
  ['localhost', false, true],
  ['10.1.2.3:9009', false, true],
  ['8.8.8.8', false, true],
  ['evil.example:9009', false, false],
  ['localhost.evil.example:9009', false, false],
  ['127.0.0.1.nip.io:9009', false, false],
  ['localhost6:9009', false, false],
  ['evil.example:9009@localhost:9009', false, false],
  ['localhost:9009:9009', false, false],
  ['localhost:', false, true],
  ['[::1', false, false],
  ['[evil.example]:9009', false, false],
  [' localhost:9009', false, false],
  ['0x7f000001:9009', false, false],
  ['2130706433:9009', false, false]
]) {
  test(`${JSON.stringify(header)} is ${onLoopback ? '' : 'not '}a name of a host on loopback, and ${outside ? '' : 'not '}of one elsewhere`, () => {
    assert.equal(isOurName(header, LOCAL), onLoopback)
    assert.equal(isOurName(header, OUTSIDE), outside)
  })
}

test('a host at the port that is left out of a name answers without it', () => {
  assert.ok(isOurName('localhost', { ...LOCAL, localPort: 80 }))
  assert.ok(isOurName('localhost', { ...LOCAL, localPort: 443, port: 443 }))
  assert.ok(!isOurName('localhost', { ...LOCAL, localPort: 443, port: 80 }))
})

for (const [headers, page] of [
  [{}, false], [{ 'sec-fetch-site': 'none' }, false], [{ referer: 'http://a.example' }, false],
  [{ origin: 'null' }, true], [{ origin: '' }, true], [{ 'sec-fetch-site': 'cross-site' }, true],
  [{ 'sec-fetch-site': 'same-origin' }, true], [{ 'sec-fetch-site': '' }, true]
]) {
  test(`${JSON.stringify(headers)} ${page ? 'is' : 'is not'} what a page sends`, () => assert.equal(isFromPage(headers), page))
}

test('a token is known by its digest alone', () => {
  const token = Token.of('secret-token')
  assert.ok(!JSON.stringify(token).includes('secret'))
  for (const [said, right] of [['secret-token', true], ['secret-toke', false], ['secret-token ', false], ['', false], [undefined, false], [null, false], [{}, false], [['secret-token'], false]]) {
    assert.equal(token.matches(said), right, String(said))
  }
})

for (const [address, alone] of [['127.0.0.1', true], ['127.9.9.9', true], ['::1', true], ['::ffff:127.0.0.1', true], ['localhost', true], ['0.0.0.0', false], ['::', false], ['127.evil.example', false], ['10.0.0.1', false], ['', false]]) {
  test(`${address} is ${alone ? '' : 'not '}for this machine alone`, () => assert.equal(isLoopback(address), alone))
}
