/**
 * The server process behind {@link file://./http.ts}: serves a directory over HTTP with ranges, and misbehaves when asked to.
 * Started inside a lab's LAN with an IPC channel; ends when the channel does.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join, normalize } from 'node:path'
import type { Command, Fault, Reply, Served } from './http.ts'

const [root, address, port] = process.argv.slice(2)
if (root === undefined || address === undefined) throw new Error('usage: http-server ROOT ADDRESS [PORT]')

const faults = new Map<string, { fault: Fault; left: number }>()
const served: Served[] = []
const stalled = new Set<() => void>()

/** The fault that applies to this request, counted down. */
function faultOf(path: string): Fault | undefined {
  const entry = faults.get(path)
  if (!entry) return undefined
  entry.left -= 1
  if (entry.left <= 0) faults.delete(path)
  return entry.fault
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://lab').pathname))
  const record: Served = { method: request.method ?? '', path, range: request.headers.range, peer: request.socket.remoteAddress, status: 0, bytes: 0 }
  served.push(record)
  const end = (status: number, body: string): void => {
    record.status = status
    record.bytes = Buffer.byteLength(body)
    response.writeHead(status, { 'content-length': record.bytes }).end(request.method === 'HEAD' ? undefined : body)
  }
  const fault = request.method === 'GET' ? faultOf(path) : undefined
  if (fault?.kind === 'status') return end(fault.status, 'as asked\n')
  if (fault?.kind === 'body') return end(200, fault.text)
  const file = await stat(join(root!, path)).catch(() => undefined)
  if (!file?.isFile()) return end(404, 'there is no such file\n')

  const asked = fault?.kind === 'no-ranges' ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const first = asked ? Number(asked[1]) : 0
  const last = asked?.[2] ? Math.min(Number(asked[2]), file.size - 1) : file.size - 1
  if (asked && first >= file.size) {
    response.setHeader('content-range', `bytes */${file.size}`)
    return end(416, '')
  }
  record.status = asked ? 206 : 200
  response.writeHead(record.status, {
    'content-length': Math.max(0, last - first + 1),
    'last-modified': file.mtime.toUTCString(),
    etag: `"${file.size}-${Math.trunc(file.mtimeMs)}"`,
    ...(fault?.kind === 'no-ranges' ? {} : { 'accept-ranges': 'bytes' }),
    ...(asked ? { 'content-range': `bytes ${first}-${last}/${file.size}` } : {}),
  })
  if (request.method === 'HEAD' || file.size === 0) return void response.end()

  const short = fault?.kind === 'truncate' || fault?.kind === 'stall' ? fault.bytes : Infinity
  const stream = createReadStream(join(root!, path), { start: first, end: Math.min(last, first + short - 1) })
  stream.on('data', (chunk) => {
    record.bytes += chunk.length
    if (!response.write(chunk)) {
      stream.pause()
      response.once('drain', () => stream.resume())
    }
  })
  stream.once('end', () => {
    if (first + short > last) return void response.end()
    if (fault?.kind === 'truncate') return void response.write('', () => response.socket?.destroySoon())
    const release = (): void => void response.destroy()
    stalled.add(release)
    response.once('close', () => stalled.delete(release))
  })
  response.once('close', () => stream.destroy())
}

function obey(command: Command): unknown {
  switch (command.kind) {
    case 'fault':
      faults.set(command.path, { fault: command.fault, left: command.times })
      return undefined
    case 'heal':
      faults.clear()
      for (const release of stalled) release()
      return undefined
    case 'served':
      return served
    case 'stalled':
      return stalled.size
  }
}

const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()))
server.listen(Number(port ?? 0), address, () => {
  const bound = server.address()
  process.send?.({ id: 0, value: typeof bound === 'object' ? bound?.port : undefined } satisfies Reply)
})
process.on('message', (message: { id: number; command: Command }) => {
  process.send?.({ id: message.id, value: obey(message.command) } satisfies Reply)
})
process.once('disconnect', () => process.exit(0))
