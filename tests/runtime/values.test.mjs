import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import vm from 'node:vm'
import { FrameError, HEADER_SIZE, READ_SIZE, RESULT, RICH, readUint32, splitRich } from '../../src/js_host/runtime/frames.mjs'
import { MAX_DEPTH, ValueNotSupported, parseExactly } from '../../src/js_host/runtime/rich.mjs'
import { Questions } from '../../src/js_host/runtime/questions.mjs'
import { decodeValue, hasLongInteger, isPlain, valueFrame } from '../../src/js_host/runtime/values.mjs'
import './helper.mjs'

const { values, program } = JSON.parse(readFileSync(new URL('../vectors/values.json', import.meta.url), 'utf8'))
const ARRAYS = { float32: Float32Array, int64: BigInt64Array }

/** The JavaScript value that a vector describes. */
function valueOf ([kind, first, second, third]) {
  switch (kind) {
    case 'null': return null
    case 'bool': case 'str': return first
    case 'int': return Number.isSafeInteger(Number(first)) ? Number(first) : BigInt(first)
    case 'float': return Number(first)
    case 'bytes': return Buffer.from(first, 'hex')
    case 'list': return first.map(valueOf)
    case 'dict': return Object.fromEntries(first.map(([key, value]) => [key, valueOf(value)]))
    case 'map': return new Map(first.map(([key, value]) => [valueOf(key), valueOf(value)]))
    case 'set': return new Set(first.map(valueOf))
    case 'date': return new Date(first)
    default: return new ARRAYS[first](new Uint8Array(Buffer.from(third, 'hex')).buffer)
  }
}

/** The parts of a frame that carries a value. */
function written (value) {
  const frame = valueFrame(1, RESULT, value)
  const bytes = Array.isArray(frame) ? Buffer.concat(frame) : frame
  assert.equal(readUint32(bytes, 0), bytes.length - HEADER_SIZE)
  const rich = (bytes[9] & RICH) !== 0
  const part = rich ? splitRich(bytes, HEADER_SIZE, bytes.length) : { start: HEADER_SIZE, end: bytes.length, attachments: [] }
  return { bytes, rich, text: bytes.toString('utf8', part.start, part.end), attachments: part.attachments }
}

/** A value written and read again. */
function through (value) {
  const { bytes } = written(value)
  return decodeValue(bytes, HEADER_SIZE, bytes.length, bytes[9], true)
}

const rich = (text, attachments = []) => {
  const table = Buffer.alloc(4 + 4 * attachments.length)
  table.writeUInt32LE(attachments.length)
  attachments.forEach((one, i) => table.writeUInt32LE(one.length, 4 + 4 * i))
  const body = Buffer.concat([table, Buffer.from(text), ...attachments])
  return decodeValue(body, 0, body.length, RICH, false)
}
const plain = (text) => decodeValue(Buffer.from(text), 0, Buffer.byteLength(text), 0, false)

for (const { title, value, text, rich: isRich, attachments, writers } of values) {
  test(`the vector "${title}" is read`, () => {
    const found = isRich ? rich(text, attachments.map((one) => Buffer.from(one, 'hex'))) : plain(text)
    const expected = valueOf(value)
    if (value[0] === 'array') assert.deepEqual([...found], [...expected])
    else assert.deepStrictEqual(found, expected)
    if (value[0] === 'array') assert.deepEqual(found.shape, value[2])
  })

  if (!writers.includes('javascript')) continue
  test(`the vector "${title}" is written`, () => {
    const found = written(valueOf(value))
    assert.equal(found.rich, isRich)
    assert.equal(found.text, JSON.stringify(JSON.parse(text)) === text || isRich ? JSON.stringify(JSON.parse(text)) : text)
    assert.deepEqual(found.attachments.map((one) => one.toString('hex')), attachments)
  })
}

for (const { title, things, text } of program) {
  test(`the vector "${title}" is read as what stands for them`, () => {
    const stand = { callable: (n) => ['function', n], iterator: (n) => ['iterator', n] }
    const body = Buffer.concat([Buffer.alloc(4), Buffer.from(text)])
    assert.deepEqual(decodeValue(body, 0, body.length, RICH, false, stand), things.map((kind, n) => [kind, n]))
    assert.throws(() => decodeValue(body, 0, body.length, RICH, false), ValueNotSupported)
  })
}

class Point {
  #secret = 1
  constructor () { this.x = this.#secret; this.skip = undefined }
  get y () { return 2 }
}
const foreign = vm.createContext({})
const holes = [1]
holes[3] = 2

const ROWS = [
  ['undefined', undefined, 'null'],
  ['a property that is undefined', { a: undefined, b: 1 }, '{"b":1}'],
  ['a property that is undefined, beside bytes', { a: undefined, b: NaN }, '{"b":{"$":["float","NaN"]}}'],
  ['undefined in an array', [undefined, NaN], '[null,{"$":["float","NaN"]}]'],
  ['a sparse array', holes, '[1,null,null,2]'],
  ['a sparse array with a tag', [...holes, 1n], '[1,null,null,2,{"$":["int","1"]}]'],
  ['an instance of a class', new Point(), '{"x":1}'],
  ['toJSON', { a: { toJSON: () => ({ b: 1 }) } }, '{"a":{"b":1}}'],
  ['toJSON that gives a Date', { toJSON: () => new Date(5) }, '{"$":["date",5]}'],
  ['a URL', new URL('http://a/b'), '"http://a/b"'],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  ['a set in a map', new Map([['a', new Set([1n])]]), '{"$":["map",[["a",{"$":["set",[{"$":["int","1"]}]]}]]]}'],
  ['a set of another realm', vm.runInContext('new Set([1])', foreign), '{"$":["set",[1]]}'],
  ['a map of another realm', vm.runInContext('new Map([[1, 2]])', foreign), '{"$":["map",[[1,2]]]}'],
  ['a Date of another realm', vm.runInContext('new Date(7)', foreign), '{"$":["date",7]}'],
  ['an object of another realm', vm.runInContext('({ a: [1] })', foreign), '{"a":[1]}'],
  ['a proxy of an object', new Proxy({ a: 1 }, {}), '{"a":1}'],
  ['$ beside undefined, beside a tag', [{ $: ['int', '1'], a: undefined }, NaN], '[{"$":["object",{"$":["int","1"]}]},{"$":["float","NaN"]}]'],
  ['a getter', { get a () { return 1 } }, '{"a":1}'],
  ['a symbol as a key', { [Symbol('s')]: 1, a: 1 }, '{"a":1}'],
  ['lone surrogates in keys and texts', { '\ud800': '\udfff' }, '{"\\ud800":"\\udfff"}'],
  ['__proto__ that is data', JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
  ['__proto__ that is data, with a tag', { ['__proto__']: [1n] }, '{"__proto__":[{"$":["int","1"]}]}']
]

for (const [title, value, text] of ROWS) {
  test(`${title} crosses as the table says`, () => assert.equal(written(value).text, text))
}

const circle = { a: { b: [] } }
circle.a.b.push(1, circle.a)
const circularMap = new Map()
circularMap.set('k', circularMap)
const REFUSED = [
  ['a function', () => {}, 'a function'],
  ['a class', Point, 'a function'],
  ['a symbol', Symbol('s'), 'a symbol'],
  ['a promise', Promise.resolve(1), 'a promise'],
  ['an Error', new TypeError('x'), 'an Error'],
  ['an error of another realm', vm.runInContext('new Error()', foreign), 'an Error'],
  ['a RegExp', /x/, 'a RegExp'],
  ['an invalid Date', new Date(NaN), 'an invalid Date'],
  ['a WeakMap', new WeakMap(), 'a weak collection'],
  ['a boxed string', Object('x'), 'a boxed primitive'],
  ['a generator', (function * () {})(), 'a generator'],
  ['an async generator', (async function * () {})(), 'a generator'],
  ['an iterator of a Map', new Map().keys(), 'an iterator'],
  ['an iterator of a Set', new Set().values(), 'an iterator'],
  ['an iterator of an array', [1].values(), 'an iterator'],
  ['an iterator of another realm', vm.runInContext('[1].values()', foreign), 'an iterator'],
  ['an iterator of a string', 'x'[Symbol.iterator](), 'an iterator'],
  ['an iterator of matches', 'x'.matchAll(/x/g), 'an iterator'],
  ['an iterator of a URL', new URLSearchParams('a=1').entries(), 'an iterator'],
  ['an iterator of headers', new Headers({ a: 'b' }).entries(), 'an iterator'],
  ['an iterator of the program', new Questions({}).iterator(0), 'an iterator'],
  ['a Map in a Set', new Set([1, new Map()]), 'a Set that holds an object or an array'],
  ['an array in a Set', new Set([[1]]), 'a Set that holds an object or an array'],
  ['an object as a key of a Map', new Map([[1n, 1], [{}, 1]]), 'a Map with an object or an array as a key'],
  ['an object as a key that looks like a tag', new Map([[{ $: ['int', '1'] }, 1]]), 'a Map with an object or an array as a key'],
  ['one with a key more', new Map([[{ $: ['int', '1'], a: 1 }, 1]]), 'a Map with an object or an array as a key'],
  ['a typed array as a key of a Map', new Map([[new Float32Array(1), 1]]), 'a Map with an object or an array as a key'],
  ['a stream', new ReadableStream(), 'a stream'],
  ['a proxy of a Map', new Proxy(new Map(), {}), 'a Proxy'],
  ['an array with a wrong shape', Object.assign(new Float32Array(4), { shape: [3] }), 'an array of 4 numbers with a shape']
]

for (const [title, value, what] of REFUSED) {
  test(`${title} is refused by its path`, () => {
    const start = (path) => (error) => {
      assert.ok(error instanceof ValueNotSupported, error)
      assert.ok(error.message.startsWith(`result${path} is ${what}`), error.message)
      assert.match(error.message, /, which can not be given to Python\. [A-Z].+\.$/, 'it says what to do')
      return true
    }
    assert.throws(() => written({ ok: [1], a: { 'b c': [0, value] } }), start('["a"]["b c"][1]'))
    assert.throws(() => written(value), start(''))
    assert.throws(() => written(new Set([value])), start('[0]'))
    assert.throws(() => written(new Map([['k', value]])), start('[1]'))
  })
}

test('a circle is refused by its path', () => {
  const message = 'result["a"]["b"][1] is a circular reference, which can not be given to Python. Leave it out, or give only what is needed of the object.'
  assert.throws(() => written(circle), { message })
  assert.throws(() => written(circularMap), /a circular reference/)
  const endless = { toJSON () { return endless } }
  assert.throws(() => written(endless), /a circular reference/)
})

test('what is held twice is no circle', () => {
  const twice = { a: 1n }
  assert.deepEqual(through([twice, twice]), [twice, twice])
})

test('a getter that throws, a revoked proxy and a toJSON without end throw, and nothing else happens', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  assert.throws(() => written({ a: { get b () { throw new RangeError('mine') } } }), { name: 'RangeError', message: 'mine' })
  assert.throws(() => written([proxy]), TypeError)
  const another = () => ({ toJSON: another })
  assert.throws(() => written(another()), RangeError)
})

for (const leaf of [1, NaN]) {
  test(`500 levels around ${leaf} are written, and 501 are refused`, () => {
    const nest = (depth, wrap) => { let value = leaf; for (let i = 0; i < depth; i++) value = wrap(value); return value }
    for (const wrap of [(inner) => [inner], (inner) => ({ a: inner }), (inner) => new Map([['a', inner]])]) {
      assert.ok(written(nest(MAX_DEPTH, wrap)))
      for (const depth of [MAX_DEPTH + 1, 100_000]) assert.throws(() => written(nest(depth, wrap)), /nested more than 500 levels deep/)
    }
  })
}

test('typed arrays at odd offsets, subclasses and views come out with their bytes', () => {
  class Mine extends Float32Array {}
  const odd = new Uint8Array(new Uint8Array([9, 1, 2, 3, 9]).buffer, 1, 3)
  assert.deepEqual(through(odd), Buffer.from([1, 2, 3]))
  assert.deepEqual(through(new DataView(odd.buffer, 3, 2)), Buffer.from([3, 9]))
  assert.deepEqual(through(odd.buffer), Buffer.from([9, 1, 2, 3, 9]))
  assert.deepEqual(through(new SharedArrayBuffer(2)), Buffer.from([0, 0]))
  assert.deepEqual([...through(new Mine([1.5, 2]))], [1.5, 2])
  assert.ok(through(new Mine(1)) instanceof Float32Array)
  assert.deepEqual([...through({ x: 1, a: new Int16Array(new Int16Array([1, -2, 3]).buffer, 2) }).a], [-2, 3])
  assert.deepEqual([...through([Buffer.from('x'), new BigUint64Array([2n ** 64n - 1n])])[1]], [2n ** 64n - 1n])
})

test('a typed array keeps its shape', () => {
  const array = Object.assign(new Int32Array(6), { shape: [2, 3] })
  assert.deepEqual(through(array).shape, [2, 3])
  assert.deepEqual(through(new Int32Array(0)).shape, [0])
})

test('attachments that lie in a shared buffer are copied, those of an owned frame are views', () => {
  const { bytes } = written([Buffer.from('abc')])
  const [copied] = decodeValue(bytes, HEADER_SIZE, bytes.length, RICH, false)
  const [view] = decodeValue(bytes, HEADER_SIZE, bytes.length, RICH, true)
  bytes.fill(0x7a, bytes.length - 3)
  assert.equal(copied.toString(), 'abc')
  assert.equal(view.toString(), 'zzz')
})

test('__proto__ in data never changes a prototype', () => {
  for (const found of [plain('{"__proto__":{"polluted":1}}'), rich('{"__proto__":{"polluted":{"$":["float","NaN"]}}}'),
    rich('{"$":["object",{"__proto__":{"polluted":1}}]}'), plain('{"__proto__":{"polluted":9007199254740993}}')]) {
    assert.equal(Object.getPrototypeOf(found), Object.prototype)
    assert.deepEqual(Object.keys(found), ['__proto__'])
    assert.equal(found.polluted, undefined)
  }
  assert.equal({}.polluted, undefined)
})

test('hostile tags are values or errors', () => {
  for (const tag of [null, 1, 'x', {}, [], ['int'], ['int', 'x'], ['int', 1.5], ['date', 'x'], ['set', 1], ['map', [1]], ['map', [null]], ['object', null],
    ['array', 'int32', [1], 0], ['array', '__proto__', [1], 0], ['array', 'int8', [1], 7], ['bytes', 7], ['constructor'], ['object', [1]]]) {
    try {
      rich(JSON.stringify({ $: tag }), [Buffer.from('abc')])
    } catch (error) {
      assert.ok(error instanceof Error)
    }
  }
})

test('bytes that are no UTF-8 are a FrameError, and a replacement character that was sent is not', () => {
  for (const bytes of [[0x22, 0xff, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xc3]]) {
    assert.throws(() => decodeValue(Buffer.from(bytes), 0, bytes.length, 0, false), FrameError)
  }
  assert.equal(plain('"\ufffd"'), '\ufffd')
})

test('an integer of 16 digits is noticed at every offset', () => {
  for (let offset = 0; offset < 40; offset++) {
    for (const digits of ['9007199254740993', '90071992547409931234', '9'.repeat(70)]) {
      for (const [before, after] of [['', ''], ['"', '",'], ['[', ']']]) {
        const bytes = Buffer.from(' '.repeat(offset) + before + digits + after)
        assert.equal(hasLongInteger(bytes, 0, bytes.length), true, bytes.toString())
        assert.equal(hasLongInteger(Buffer.concat([Buffer.from('1'), bytes]), 1, bytes.length + 1), true)
      }
    }
    for (const digits of ['900719925474099', '0.12345678901234567890', '1.5e300', '123456789012345.5']) {
      const bytes = Buffer.from(' '.repeat(offset) + digits + ' '.repeat(20))
      assert.equal(hasLongInteger(bytes, 0, bytes.length), false, bytes.toString())
    }
  }
})

const EXACT = [
  ['9007199254740993', 9007199254740993n],
  ['-9007199254740993', -9007199254740993n],
  ['9007199254740991', 9007199254740991],
  ['0000', null],
  ['9007199254740993.0', 9007199254740992],
  ['9007199254740993e1', 90071992547409930],
  ['1e9007199254740993', Infinity],
  ['1e-9007199254740993', 0],
  ['0.9007199254740993', 0.9007199254740993],
  ['["9007199254740993","a\\"9007199254740993"]', ['9007199254740993', 'a"9007199254740993']],
  ['{"9007199254740993":9007199254740993}', { '9007199254740993': 9007199254740993n }],
  ['[1,9007199254740993,{"a":-9007199254740993}]', [1, 9007199254740993n, { a: -9007199254740993n }]]
]

for (const [text, expected] of EXACT) {
  test(`parseExactly reads ${text}`, () => {
    if (expected === null) assert.throws(() => parseExactly(text), SyntaxError)
    else assert.deepStrictEqual(parseExactly(text), expected)
  })
}

test('parseExactly reads a text of many megabytes beside an exact integer', () => {
  const text = 'x\\n"'.replace('"', '\\"').repeat(3_000_000)
  const [long, number] = parseExactly(`["${text}",9007199254740993]`)
  assert.equal(long.length, 9_000_000)
  assert.equal(number, 9007199254740993n)
  assert.equal(parseExactly(`["${'y'.repeat(20 * READ_SIZE)}",9007199254740993]`)[1], 9007199254740993n)
})

test('a whole number that JSON would write with the digits of another one is an exact integer', () => {
  for (const [value, digits] of [[2 ** 53, '9007199254740992'], [2 ** 60, '1152921504606846976'], [-(2 ** 69), '-590295810358705651712']]) {
    assert.equal(written(value).text, `{"$":["int","${digits}"]}`)
  }
  assert.equal(written(1e21).text, '1e+21')
})

test('isPlain sees what JSON can not say', () => {
  for (const value of [1, 'a', null, undefined, true, [], {}, [1, [2]], { a: { b: null } }]) assert.ok(isPlain(value, 0))
  for (const value of [NaN, -0, Infinity, 1n, Symbol('s'), () => {}, new Date(), new Map(), [NaN], { a: [-0] }, { a: new Point() }]) assert.ok(!isPlain(value, 0))
})

for (const [title, text] of [
  ['ASCII', 'x'.repeat(8192)],
  ['of two bytes', 'é'.repeat(8192)],
  ['of three bytes', '世'.repeat(8192)],
  ['of pairs', '👋'.repeat(5000)],
  ['of many megabytes', 'aé世👋'.repeat(700_000)]
]) {
  test(`a long text, ${title}, is sent as it is`, () => {
    const { rich, text: json, attachments } = written(text)
    assert.deepEqual([rich, json, attachments.length], [true, '{"$":["text",0]}', 1])
    assert.ok(attachments[0].equals(Buffer.from(text)))
    assert.equal(through(text), text)
  })
}

for (const [title, text] of [['is short', 'x'.repeat(8191)], ['has a lone surrogate', `\ud800${'x'.repeat(8192)}`]]) {
  test(`a text that ${title} is sent as JSON`, () => {
    assert.equal(written(text).rich, false)
    assert.equal(through(text), text)
  })
}

test('a text that is no UTF-8 is refused', () => {
  assert.throws(() => rich('{"$":["text",0]}', [Buffer.from([0xff])]), ValueNotSupported)
})
