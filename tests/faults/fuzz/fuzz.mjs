// Fuzz what JavaScript reads, led by coverage: `node fuzz.mjs SECONDS`; with 0, only the corpus is tried.
//
// Which code an input reaches is asked of V8 (the precise coverage of node:inspector). What reaches new code is kept in
// tests/faults/corpus/javascript, and tried by every test run. A finding ends the run: its input is written to the current directory.

import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { fuzz, seeds } from './targets.mjs'

const CORPUS = new URL('../corpus/javascript/', import.meta.url)
const LONGEST = 4096
const BATCH = 40
const HANGS_AFTER = 10_000
const ODD_BYTES = [0, 1, 2, 5, 9, 11, 12, 13, 16, 34, 36, 91, 123, 127, 128, 255]

const random = (below) => Math.floor(Math.random() * below)

/** What was reached so far: `script:start:end:count class` of each block. */
class Coverage {
  seen = new Set()

  async start () {
    this.session = new Session()
    this.session.connect()
    await this.session.post('Profiler.enable')
    await this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** The blocks that were reached since the last look and never before. */
  async fresh () {
    const { result } = await this.session.post('Profiler.takePreciseCoverage')
    const found = []
    for (const { url, functions } of result) {
      if (!url.includes('/js_host/runtime/')) continue
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${url}:${startOffset}:${endOffset}:${count === 0 ? 0 : 1 + Math.min(3, Math.floor(Math.log2(count)))}`
          if (count > 0 && !this.seen.has(block)) found.push(block)
        }
      }
    }
    return found
  }

  async note () {
    const blocks = await this.fresh()
    for (const block of blocks) this.seen.add(block)
    return blocks.length
  }
}

/** Change an input a little, or put two together. */
function mutate (corpus) {
  let data = Buffer.from(corpus[random(corpus.length)])
  for (let times = 1 + random(6); times > 0; times--) data = change(data, corpus)
  return data.subarray(0, LONGEST)
}

function change (data, corpus) {
  const at = random(data.length + 1)
  switch (random(8)) {
    case 0: return Buffer.concat([data.subarray(0, at), Buffer.from([random(256)]), data.subarray(at)])
    case 1: return Buffer.concat([data.subarray(0, at), data.subarray(at + 1 + random(8))])
    case 2: return Buffer.concat([data.subarray(0, at), data.subarray(random(at + 1), at), data.subarray(at)])
    case 3: { const other = corpus[random(corpus.length)]; return Buffer.concat([data.subarray(0, at), other.subarray(random(other.length))]) }
    case 4: if (at + 4 <= data.length) data.writeInt32LE([0, 1, -1, 65535, 65536, data.length, LONGEST][random(7)], at); return data
    case 5: if (at < data.length) data[at] ^= 1 << random(8); return data
    case 6: if (at < data.length) data[at] += random(3) - 1; return data
    default: if (at < data.length) data[at] = ODD_BYTES[random(ODD_BYTES.length)]; return data
  }
}

/** Try an input; a finding is written down and ends the process. */
async function attempt (data) {
  const hang = setTimeout(() => giveUp(data, new Error('It hangs.')), HANGS_AFTER)
  try {
    await fuzz(data)
  } catch (error) {
    giveUp(data, error)
  }
  clearTimeout(hang)
}

function giveUp (data, error) {
  const name = `crash-javascript-${nameOf(data)}`
  writeFileSync(name, data)
  console.error(`A finding, in ${name}: ${data.toString('latin1').slice(0, 200)}`)
  console.error(error)
  process.exit(1)
}

function nameOf (data) {
  return createHash('sha1').update(data).digest('hex').slice(0, 12)
}

let current = Buffer.alloc(0)
process.on('uncaughtException', (error) => giveUp(current, error))
process.on('unhandledRejection', (error) => giveUp(current, error))

const seconds = Number(process.argv[2] ?? 60)
const kept = readdirSync(CORPUS).map((name) => readFileSync(new URL(name, CORPUS)))
const corpus = [...seeds(), ...kept]
for (current of corpus) await attempt(current)
if (seconds > 0) await explore()
console.log(`${corpus.length} inputs of the corpus, no finding`)
process.exit(0)

async function explore () {
  const coverage = new Coverage()
  await coverage.start()
  for (current of corpus) await attempt(current)
  await coverage.note()
  let count = 0
  for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
    const batch = Array.from({ length: BATCH }, () => mutate(corpus))
    for (current of batch) await attempt(current)
    count += batch.length
    if ((await coverage.fresh()).length === 0) continue
    for (current of batch) {                       // which of them was it?
      await attempt(current)
      if (await coverage.note() > 0) {
        corpus.push(current)
        writeFileSync(new URL(nameOf(current), CORPUS), current)
      }
    }
  }
  console.log(`${count} inputs, ${coverage.seen.size} blocks reached`)
}
