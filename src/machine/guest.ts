/** Connections to guests: through their hypervisor, as root, with the host key that farm gave them. */
import type { Duplex } from 'node:stream'
import { UnreachableError } from '../errors.ts'
import { connect, type Connection } from '../host/index.ts'

/** Where a guest answers and how it is known. */
export interface GuestAddress {
  readonly name: string
  /** As seen from the hypervisor. */
  readonly address: string
  readonly port: number
  readonly user: string
  readonly hostKey: string
  readonly identityFile: string | undefined
}

/** Logs in to a guest through an open connection to its hypervisor, which must stay open meanwhile. */
export function connectGuest(guest: GuestAddress, hypervisor: Connection, options: { signal?: AbortSignal | undefined; timeout?: number | undefined } = {}): Promise<Connection> {
  return connect(
    {
      name: guest.name,
      connection: 'ssh',
      address: guest.address,
      port: guest.port,
      user: guest.user,
      via: hypervisor,
      hostKeys: [guest.hostKey],
      ...(guest.identityFile !== undefined && { identityFiles: [guest.identityFile] }),
      ...(options.timeout !== undefined && { timeout: options.timeout }),
    },
    options.signal === undefined ? {} : { signal: options.signal },
  )
}

/**
 * Opens a stream to a guest's SSH server and waits for its banner, which QEMU's forwarded ports do not send although
 * they accept connections long before the guest is up.
 *
 * @param patience milliseconds for the banner.
 * @throws UnreachableError `no-banner` when it does not come in time or the stream ends.
 */
export async function openBanner(guest: GuestAddress, hypervisor: Connection, patience: number, signal: AbortSignal): Promise<Duplex> {
  const stream = await hypervisor.dial(guest.address, guest.port, { timeout: Math.min(patience, 1000), signal })
  try {
    const chunk = await firstChunk(stream, patience, signal)
    stream.unshift(chunk)
    return stream
  } catch (error) {
    stream.destroy()
    throw error
  }
}

function firstChunk(stream: Duplex, patience: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stopped)
      stream.off('data', onData).off('error', onEnd).off('close', onEnd).off('end', onEnd)
      finish()
    }
    const fail = (why: string): void => settle(() => reject(new UnreachableError('no-banner', why)))
    const onData = (chunk: Buffer): void => {
      stream.pause()
      settle(() => resolve(chunk))
    }
    const onEnd = (): void => fail('the connection ended before an SSH banner came')
    const stopped = (): void => fail('stopped')
    const timer = setTimeout(() => fail(`no SSH banner within ${patience} ms`), patience)
    signal.addEventListener('abort', stopped, { once: true })
    stream.on('data', onData).on('error', onEnd).on('close', onEnd).on('end', onEnd)
    // A late error of an abandoned stream must not end farm.
    stream.on('error', () => undefined)
  })
}

/** A connection whose next dial gives a stream that is open already. */
export function overStream(connection: Connection, stream: Duplex): Connection {
  return Object.assign(Object.create(connection) as Connection, { dial: () => Promise.resolve(stream) })
}
