// What no library can avoid, seen from Node.
//   floor.mjs raw LENGTH                 sends back every LENGTH bytes that arrive on descriptor 3
//   floor.mjs pour                       writes 64 KiB to descriptor 3, again and again, as quickly as they are taken
//   floor.mjs codec FILE FUNCTION MS     decode FILE, run FUNCTION on it, encode what it returned; prints the medians in µs
import fs from 'node:fs'
import net from 'node:net'
import functions from './functions.cjs'
import { followsClosely, spin } from './spin.mjs'

const [mode, ...rest] = process.argv.slice(2)

function raw (length) {
  const frame = Buffer.allocUnsafeSlow(length)
  let filled = 0
  const buffer = () => frame.subarray(filled)
  const socket = new net.Socket({ fd: 3, readable: true, writable: true, onread: { buffer, callback: arrived } })
  function arrived (count) {
    filled += count
    if (filled === length) {
      const close = followsClosely()
      filled = 0
      socket.write(frame)
      spin(close)
    }
    return true
  }
  socket.on('error', () => {}).on('end', () => process.exit()).resume()
}

function pour () {
  const part = Buffer.alloc(64 * 1024, 7)
  const socket = new net.Socket({ fd: 3, readable: true, writable: true })
  const write = () => { while (socket.write(part)); }
  socket.on('error', () => {}).on('end', () => process.exit()).on('drain', write).resume()
  write()
}

function median (list) {
  return list.sort((a, b) => a - b)[list.length >> 1] * 1000
}

function codec (file, name, ms) {
  const bytes = fs.readFileSync(file)
  const room = Buffer.allocUnsafeSlow(bytes.length * 8 + 1024)
  const parts = { decode: [], run: [], encode: [] }
  const once = () => {
    const t0 = performance.now()
    const value = JSON.parse(bytes.utf8Slice(0, bytes.length))
    const t1 = performance.now()
    const result = functions[name](value)
    const t2 = performance.now()
    room.utf8Write(JSON.stringify(result))
    return [t1 - t0, t2 - t1, performance.now() - t2]
  }
  const warm = performance.now() + ms / 2
  while (performance.now() < warm) once()
  const end = performance.now() + Number(ms)
  while (performance.now() < end || parts.run.length < 3) {
    const [decode, run, encode] = once()
    parts.decode.push(decode)
    parts.run.push(run)
    parts.encode.push(encode)
  }
  console.log(JSON.stringify({ decode: median(parts.decode), run: median(parts.run), encode: median(parts.encode) }))
}

if (mode === 'raw') raw(Number(rest[0]))
else if (mode === 'pour') pour()
else codec(...rest)
