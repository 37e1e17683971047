/** A host, a cache and an image server that misbehaves on request, all on this machine and gone after the test. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { FarmError } from '../../../src/errors.ts'
import { bindHost, connect, type Host } from '../../../src/host/index.ts'
import type { DownloadSpec } from '../../../src/image/index.ts'
import { partName } from '../../../src/image/working-dir.ts'

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

export const sha512 = (body: Buffer): string => createHash('sha512').update(body).digest('hex')

/** A qcow2 image of random data, so that it has some size. */
export function qcow2(dir: string, mebibytes = 1): Buffer {
  const raw = join(dir, `raw-${randomBytes(4).toString('hex')}`)
  writeFileSync(raw, randomBytes(mebibytes << 20))
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, `${raw}.qcow2`])
  return readFileSync(`${raw}.qcow2`)
}

/** Serves an image with its checksum file. */
export function publish({ files, url, workingDir }: Rig, body: Buffer, name = 'disk.qcow2'): DownloadSpec {
  files.set(`/${name}`, { body })
  files.set('/SUMS', { body: Buffer.from(`${sha512(body)}  ${name}\n`) })
  return { kind: 'download', url: `${url}/${name}`, checksumUrl: `${url}/SUMS`, workingDir }
}

/** Where the unfinished download of an image is. */
export function partOf({ workingDir }: Rig, { url }: DownloadSpec): string {
  return join(workingDir, partName(url, 'disk.qcow2'))
}

export const quiet = { progress: (): void => undefined }
/** For `assert.rejects`: an expected failure with this code. */
export const code = (expected: string) => (error: unknown): boolean => error instanceof FarmError && (assert.equal(error.code, expected, error.message), true)
