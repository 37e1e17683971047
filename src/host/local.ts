/** The machine that farm itself runs on, as a connection. */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { UnreachableError } from '../errors.ts'
import { onAbort } from './abort.ts'
import type { Connection, HostSpec, RemoteProcess } from './types.ts'

/** Connects to the controller: nothing to open, nothing to lose. */
export function localConnection(spec: HostSpec): Connection {
  return {
    spec,
    spawn: localSpawn,
    dial: (address, port, options = {}) => dialTcp(spec.name, address, port, options),
    interactive: localInteractive,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** Starts a command in a process group of its own, so that a signal reaches all of it. */
function localSpawn(command: string): RemoteProcess {
  const child = spawn('/bin/sh', ['-c', command], { detached: true, stdio: 'pipe' })
  child.stdin.on('error', () => undefined)
  child.kill = (signal: NodeJS.Signals | number = 'SIGTERM'): boolean => {
    try {
      // The group may outlive its leader: a job in the background still holds the outputs.
      return child.pid !== undefined && process.kill(-child.pid, signal)
    } catch {
      return false
    }
  }
  return child as RemoteProcess
}

function localInteractive(command?: string): Promise<number> {
  const [file, args] = command === undefined ? [process.env['SHELL'] || '/bin/sh', ['-l']] : ['/bin/sh', ['-c', command]]
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit' })
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : 15)))
  })
}

/**
 * Opens a TCP connection from this machine, with Nagle's algorithm off: it costs 40 ms a command otherwise.
 * @param host - inventory name for messages
 * @throws UnreachableError `host-unreachable` with the reason
 */
export function dialTcp(host: string, address: string, port: number, { timeout = 10_000, signal }: { timeout?: number; signal?: AbortSignal | undefined }): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true })
    const finish = (reason?: string, cause?: unknown): void => {
      clearTimeout(timer)
      forget()
      socket.removeAllListeners('error')
      if (reason === undefined) return resolve(socket)
      socket.on('error', () => undefined).destroy()
      reject(new UnreachableError('host-unreachable', `cannot connect to ${address} port ${port}: ${reason}`, { host, cause, hint: hintFor(cause) }))
    }
    const aborted = (): void => finish('interrupted', signal?.reason)
    const timer = setTimeout(() => finish(`no answer within ${timeout / 1000} s`), timeout)
    const forget = onAbort(signal, aborted)
    socket.once('connect', () => finish())
    socket.once('error', (error) => finish(explain(error), error))
    if (signal?.aborted) aborted()
  })
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'the name is unknown',
  EAI_AGAIN: 'the name cannot be looked up at the moment',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'connection reset',
}

/** A socket error in words. */
export function explain(error: unknown): string {
  // Several addresses were tried in turn: the first failure speaks for all.
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  const code = first instanceof Error && 'code' in first ? String(first.code) : ''
  return REASONS[code] ?? (first instanceof Error ? first.message : String(first))
}

function hintFor(cause: unknown): string | undefined {
  switch (explain(cause)) {
    case REASONS['ECONNREFUSED']:
      return 'is the SSH server running, and is ansible_port right?'
    case REASONS['ENOTFOUND']:
      return 'set ansible_host to its address'
    default:
      return undefined
  }
}
