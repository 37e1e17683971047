/** An image server in a lab's LAN (or on loopback) that can be told to misbehave. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/paths.ts'
import { LAN, type Lab } from './lab.ts'

/** How a GET of a path goes wrong. */
export type Fault =
  /** The connection breaks after so many bytes of the body. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** The body stops after so many bytes and the connection stays open. */
  | { readonly kind: 'stall'; readonly bytes: number }
  | { readonly kind: 'status'; readonly status: number }
  /** Another body, complete and with status 200. */
  | { readonly kind: 'body'; readonly text: string }
  /** Ranges are ignored: the whole file with status 200. */
  | { readonly kind: 'no-ranges' }

/** A request as it was answered. */
export interface Served {
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  /** Address from which the request came. */
  readonly peer: string | undefined
  status: number
  bytes: number
}

export type Command =
  | { readonly kind: 'fault'; readonly path: string; readonly fault: Fault; readonly times: number }
  | { readonly kind: 'heal' }
  | { readonly kind: 'served' }
  | { readonly kind: 'stalled' }
export interface Reply {
  readonly id: number
  readonly value: unknown
}

export class HttpServer implements AsyncDisposable {
  /** `http://address:port`, without a slash at the end. */
  readonly url: string
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (value: unknown) => void>()
  #last = 0

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
    child.on('message', ({ id, value }: Reply) => {
      this.#waiting.get(id)?.(value)
      this.#waiting.delete(id)
    })
  }

  /** Serves `root` in the LAN of `lab`; without one on loopback. */
  static async create({ root, lab, port = 0 }: { root: string; lab?: Lab | undefined; port?: number | undefined }): Promise<HttpServer> {
    const self = fileURLToPath(import.meta.url)
    const file = self.replace(/http\.(ts|js)$/, 'http-server.$1')
    const loader = self.endsWith('.ts') ? ['--import', 'jiti/register'] : []
    const address = lab ? LAN.controller : '127.0.0.1'
    const argv = [process.execPath, ...loader, file, root, address, String(port)]
    const [command, ...args] = lab ? lab.enter(argv, packageRoot) : argv
    const child = spawn(command!, args, { cwd: packageRoot, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined } })
    const [{ value }] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('the image server ended before it listened'))),
    ])) as [Reply]
    return new HttpServer(child, `http://${address}:${Number(value)}`)
  }

  #ask(command: Command): Promise<unknown> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, resolve)
      this.#child.send({ id, command }, (error) => error && reject(error))
    })
  }

  /** The next `times` GETs of `path` go wrong; all of them unless told otherwise. */
  async fault(path: string, fault: Fault, times = Number.MAX_SAFE_INTEGER): Promise<void> {
    await this.#ask({ kind: 'fault', path, fault, times })
  }

  /** Everything works again; stalled connections break. */
  async heal(): Promise<void> {
    await this.#ask({ kind: 'heal' })
  }

  /** All requests so far, in order; of `path` alone when given. */
  async served(path?: string): Promise<Served[]> {
    const all = (await this.#ask({ kind: 'served' })) as Served[]
    return path === undefined ? all : all.filter((one) => one.path === path)
  }

  /** How many connections stand still on purpose. */
  async stalled(): Promise<number> {
    return (await this.#ask({ kind: 'stalled' })) as number
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }
}
