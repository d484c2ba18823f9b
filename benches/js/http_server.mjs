// What one writes by hand in ten minutes: POST /name, JSON or bytes in, the same kind out.
import http from 'node:http'
import functions from './functions.cjs'

const BYTES = 'application/octet-stream'

const server = http.createServer((req, res) => {
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', () => {
    const type = req.headers['content-type']
    const body = Buffer.concat(chunks)
    const result = functions[req.url.slice(1)](type === BYTES ? body : JSON.parse(body))
    const answer = type === BYTES ? result : Buffer.from(JSON.stringify(result))
    res.writeHead(200, { 'content-type': type, 'content-length': answer.length })
    res.end(answer)
  })
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit()).resume()
