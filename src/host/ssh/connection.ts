/**
 * A host reached by SSH, through any number of jump hosts: each hop's forwarded stream carries the next hop's
 * connection, and each hop's key is verified under its own name.
 */
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { InterruptedError, UnreachableError } from '../../errors.ts'
import { onAbort } from '../abort.ts'
import { dialTcp } from '../local.ts'
import type { Connection, HostSpec } from '../types.ts'
import { Channels } from './channels.ts'
import { startCommand } from './command.ts'
import { login } from './hop.ts'
import { interact } from './interactive.ts'
import { route } from './route.ts'

/** Seconds for a whole handshake when the description does not say. */
const TIMEOUT = 30

/**
 * Connects and logs in.
 * @throws UnreachableError, InputError, InterruptedError; messages name the hop that refused
 */
export async function connectSsh(spec: HostSpec, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Connection> {
  const deadline = Date.now() + (spec.timeout ?? TIMEOUT) * 1_000
  const ways: Way[] = []
  try {
    for (const hop of route(spec)) {
      if (signal?.aborted) throw new InterruptedError(`interrupted while connecting to ${hop.label}`, { host: spec.name })
      const left = (): number => Math.max(1, deadline - Date.now())
      const options = { timeout: left(), ...(signal === undefined ? {} : { signal }) }
      const last = ways.at(-1)
      let socket: Duplex
      if (last !== undefined) socket = await forward(last, hop.address, hop.port, options)
      else if (spec.via !== undefined) socket = await spec.via.dial(hop.address, hop.port, options)
      else socket = await dialTcp(spec.name, hop.address, hop.port, options)
      // Who has ended his half will not answer any more; a forwarded stream would stay open the other way, and nobody would notice.
      socket.once('end', () => socket.destroy())
      const client = await login(hop, socket, left(), signal)
      ways.push({ client, channels: new Channels(client, spec.name), via: hop.label, host: spec.name })
    }
    return connection(spec, ways)
  } catch (error) {
    await closeAll(ways)
    throw error
  }
}

function connection(spec: HostSpec, ways: readonly Way[]): Connection {
  const way = ways.at(-1)
  if (way === undefined) throw new Error(`Internal error: no hop leads to ${spec.name}`)
  const { client, channels } = way
  // When a hop goes, all that is behind it has gone.
  for (const [index, hop] of ways.entries()) hop.client.once('close', () => ways.slice(index + 1).forEach((behind) => behind.client.destroy()))
  const close = (): Promise<void> => closeAll(ways)
  return {
    spec,
    spawn: (command) => startCommand(channels, command),
    dial: (address, port, options = {}) => forward(way, address, port, options),
    interactive: (command) =>
      interact(channels, (pty) =>
        channels.run((done) => {
          if (command !== undefined) client.exec(command, pty === false ? {} : { pty }, done)
          else client.shell(pty, done)
        }),
      ),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A hop through which to dial. */
interface Way {
  readonly client: Client
  readonly channels: Channels
  /** The hop's label, and the inventory name of the host for which it is dialled. */
  readonly via: string
  readonly host: string
}

/** Dials from a host; a channel that opens after the time is up is closed at once. */
function forward({ client, channels, via, host }: Way, address: string, port: number, options: { timeout?: number; signal?: AbortSignal | undefined }): Promise<Duplex> {
  const { timeout = 10_000, signal } = options
  return new Promise((resolve, reject) => {
    let over = false
    const finish = (): void => {
      over = true
      clearTimeout(timer)
      forget()
    }
    const fail = (reason: string, cause?: unknown): void => {
      if (over) return
      finish()
      reject(cause instanceof UnreachableError && cause.code === 'connection-lost' ? cause : new UnreachableError('host-unreachable', `cannot connect to ${address} port ${port} through ${via}: ${reason}`, { host, cause }))
    }
    const aborted = (): void => fail('interrupted', signal?.reason)
    const timer = setTimeout(() => fail(`no answer within ${timeout / 1_000} s`), timeout)
    const forget = onAbort(signal, aborted)
    if (signal?.aborted) return aborted()
    // One attempt only: unlike a session, a refused forward means that nobody answers there.
    channels.once<Duplex>((done) => void client.forwardOut('127.0.0.1', 0, address, port, done as never)).then(
      (channel) => {
        if (over) return void channel.destroy()
        finish()
        resolve(channel)
      },
      (error: unknown) => fail(error instanceof Error ? error.message.replace('(SSH) Channel open failure: ', '') : String(error), error),
    )
  })
}

/** Ends clients from the last to the first, and does not wait for one that is gone. */
async function closeAll(ways: readonly Way[]): Promise<void> {
  for (const { client } of ways.toReversed()) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        client.destroy()
        resolve()
      }, 1_000)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const socket = (client as unknown as { _sock?: Duplex })._sock
      if (socket === undefined || socket.destroyed) return done()
      client.once('close', done)
      client.end()
    })
  }
}
