// What the soak calls. GENERATION is replaced when its managed host is given new code.
const fs = require('node:fs')

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

module.exports = {
  port: 0,
  disconnectTimeout: 3000,
  functions: {
    pid: () => process.pid,
    generation: () => GENERATION,
    echo: (data) => data,
    later: async ({ ms, value }) => { await sleep(ms); return value },
    never: () => new Promise(() => {}),
    fail: (text) => { throw new Error(text) },
    note: ({ file, number }) => { fs.appendFileSync(file, number + '\n'); return number },
    parts: async function * ({ count, size }) {
      for (let i = 0; i < count; i++) {
        if (i % 7 === 0) await sleep(1)
        yield [i, 'x'.repeat(size)]
      }
    },
    ask: async ({ double, count }) => {
      let sum = 0
      for (let i = 0; i < count; i++) sum += await double(i)
      return sum
    },
    flood: (lines) => { for (let i = 0; i < lines; i++) console.log('line ' + i); return lines },
    spin: () => { for (;;); },
    hoard: () => { for (const all = []; ;) all.push(new Array(1000).fill(all.length)) }
  }
}
