/** Real sshd instances on loopback, each from a temporary directory of its own, and what tests need to talk to them. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FarmError } from '../../../src/errors.ts'
import { bindHost, connect, generateKeyPair, type Become, type Connection, type Host, type HostSpec } from '../../../src/host/index.ts'

/** A server to log in to. */
export interface Sshd {
  readonly port: number
  readonly pid: number
  /** `type blob` of its only host key. */
  readonly hostKey: string
  /** How to reach it with everything right. */
  readonly spec: HostSpec
  /** The line that known_hosts needs. */
  readonly known: string
}

/** A temporary home with a client key, and the servers started in it; `close` ends and removes all. */
export class Rig {
  readonly dir = mkdtempSync(join(tmpdir(), 'farm-host-'))
  readonly clientKey: string
  readonly #clientPublic: string
  readonly #children: ChildProcess[] = []
  readonly #users: string[] = []
  readonly #connections: Connection[] = []
  readonly #home = process.env['HOME']
  readonly #agent = process.env['SSH_AUTH_SOCK']

  constructor() {
    chmodSync(this.dir, 0o755)
    // No test may read, or write, the keys and hosts of whoever runs it.
    process.env['HOME'] = this.path('home')
    delete process.env['SSH_AUTH_SOCK']
    mkdirSync(this.path('home/.ssh'), { recursive: true, mode: 0o700 })
    const pair = generateKeyPair('farm test')
    this.clientKey = this.file('client', pair.privateKey)
    this.#clientPublic = pair.publicKey
  }

  path(name: string): string {
    return join(this.dir, name)
  }

  file(name: string, content: string, mode = 0o600): string {
    writeFileSync(this.path(name), content, { mode })
    return this.path(name)
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8')
  }

  /** Makes a user of this machine who may do nothing, without rc files; removed by `close`. */
  user(shell = '/bin/sh'): string {
    const name = `farmtest${process.pid}${this.#users.length}`
    mkdirSync(this.path(name), { mode: 0o755 })
    execFileSync('useradd', ['-M', '-d', this.path(name), '-s', shell, '-p', '*', name], { stdio: 'pipe' })
    this.#users.push(name)
    execFileSync('chown', [name, this.path(name)])
    return name
  }

  /** Starts a server; `options` are lines for its configuration. */
  async sshd(options: readonly string[] = [], user = 'root'): Promise<Sshd> {
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    const port = await freePort()
    const pair = generateKeyPair(`host ${port}`)
    const key = this.file(`host-${port}`, pair.privateKey)
    const keys = this.file(`keys-${port}`, `${this.#clientPublic}\n`, 0o644)
    const config = this.file(
      `sshd-${port}`,
      [...options, `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${key}`, `AuthorizedKeysFile ${keys}`, 'PidFile none', 'UsePAM no', 'StrictModes no', 'PermitRootLogin yes', 'PasswordAuthentication no', 'MaxStartups 100'].join('\n'),
    )
    const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#children.push(child)
    let log = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString()
        if (log.includes('Server listening')) resolve()
      })
      child.once('exit', () => reject(new Error(`sshd: ${log}`)))
    })
    const hostKey = pair.publicKey.split(' ').slice(0, 2).join(' ')
    const known = `[127.0.0.1]:${port} ${hostKey}\n`
    const knownFile = this.file(`known-${port}`, known)
    const spec: HostSpec = { name: `server${port}`, connection: 'ssh', address: '127.0.0.1', port, user, identityFiles: [this.clientKey], knownHostsFiles: [knownFile] }
    return { port, pid: child.pid ?? 0, hostKey, known, spec }
  }

  /** Connects, and closes at the end. */
  async connect(spec: HostSpec): Promise<Connection> {
    const connection = await connect(spec)
    this.#connections.push(connection)
    return connection
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) await connection.close()
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    for (const name of this.#users) execFileSync('userdel', ['-f', name], { stdio: 'pipe' })
    process.env['HOME'] = this.#home
    if (this.#agent !== undefined) process.env['SSH_AUTH_SOCK'] = this.#agent
    rmSync(this.dir, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** What a host reported. */
export interface Log {
  readonly changes: { summary: string; applied: boolean; before?: string | undefined; after?: string | undefined }[]
  readonly lines: string[]
}

/** Binds a connection to a recorder that remembers. */
export function bound(connection: Connection, { check = false, become, signal, lines }: { check?: boolean; become?: Become | undefined; signal?: AbortSignal; lines?: () => void } = {}): { host: Host; log: Log } {
  const log: Log = { changes: [], lines: [] }
  const host = bindHost(connection, {
    become,
    signal,
    recorder: {
      check,
      changed: ({ summary, diff }, applied) => void log.changes.push({ summary, applied, before: diff?.before, after: diff?.after }),
      output: lines ?? ((stream, line) => void log.lines.push(`${stream}: ${line}`)),
    },
  })
  return { host, log }
}

/** The error with which something fails. */
export async function failureOf(promise: PromiseLike<unknown>): Promise<FarmError> {
  try {
    await promise
  } catch (error) {
    return error as FarmError
  }
  throw new Error('it did not fail')
}

/** Whether a process of this machine runs; one that has ended but was not collected does not. */
export function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits until something holds; the test's own time limit ends the wait. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !holds(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 20))
  if (!holds()) throw new Error('it did not come to hold within 10 s')
}
