/** A host, a cache and an image server that misbehaves on request, all on this machine and gone after the test. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { bindHost, connect, type Host } from '../../../src/host/index.ts'

/** How a file is served. */
export interface Served {
  body: Buffer
  /** Break the connection after so many bytes; one number for each GET. */
  truncate?: number[]
  ranges?: boolean
  status?: number
}

export interface Rig {
  readonly dir: string
  readonly cacheDir: string
  readonly workingDir: string
  readonly host: Host
  readonly files: Map<string, Served>
  /** `METHOD /path range` of each request. */
  readonly requests: string[]
  readonly changes: string[]
  readonly url: string
  /** The same host in check mode, or with another PATH. */
  bind(options: { check?: boolean; wrap?: (command: string) => string }): Host
}

export async function rig(t: TestContext): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), 'farm-image-'))
  const files = new Map<string, Served>()
  const requests: string[] = []
  const changes: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim())
    const file = files.get(request.url ?? '')
    if (!file || file.status) return void response.writeHead(file?.status ?? 404).end()
    const { body, ranges = true } = file
    const first = ranges ? Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? -1) : -1
    if (first >= body.length) return void response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end()
    const part = body.subarray(Math.max(0, first))
    response.writeHead(first >= 0 ? 206 : 200, { 'content-length': part.length, ...(first >= 0 && { 'content-range': `bytes ${first}-${body.length - 1}/${body.length}` }) })
    if (request.method === 'HEAD') return void response.end()
    const cut = file.truncate?.shift()
    if (cut === undefined || cut >= part.length) return void response.end(part)
    response.write(part.subarray(0, cut), () => response.socket?.destroySoon())
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const local = await connect({ name: 'h1', connection: 'local' })
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await local.close()
    rmSync(dir, { recursive: true, force: true })
  })
  const bind: Rig['bind'] = ({ check = false, wrap = (command) => command }) =>
    bindHost({ ...local, spec: local.spec, spawn: (command: string) => local.spawn(wrap(command)), dial: local.dial.bind(local), interactive: local.interactive.bind(local), close: async () => undefined, [Symbol.asyncDispose]: async () => undefined }, {
      recorder: { check, changed: (change) => changes.push(change.summary), output: () => undefined },
    })
  return { dir, cacheDir: join(dir, 'cache'), workingDir: join(dir, 'work'), host: bind({}), files, requests, changes, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bind }
}
