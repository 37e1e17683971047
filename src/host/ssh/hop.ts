/** One SSH server that has let us in. */
import type { Duplex } from 'node:stream'
import ssh2, { type Client } from 'ssh2'
import { InterruptedError, UnreachableError, type FarmError } from '../../errors.ts'
import { onAbort } from '../abort.ts'
import { explain } from '../local.ts'
import { attempts, authHandler } from './auth.ts'
import { gatherWrites } from './gather.ts'
import { hostKeyVerifier } from './host-keys.ts'
import type { Hop } from './route.ts'

/** Seconds between signs of life, and how many may go unanswered. */
const KEEPALIVE = { interval: 15, count: 4 }

/**
 * Shakes hands with a server over an open stream and logs in. The server's key is verified under the hop's own name.
 * @param timeout - milliseconds for all of it
 * @throws UnreachableError, InputError
 */
export async function login(hop: Hop, socket: Duplex, timeout: number, signal?: AbortSignal): Promise<Client> {
  const host = hop.hostKey.host
  let refused: FarmError | undefined
  const tried: string[] = []
  const client = new ssh2.Client()
  gatherWrites(socket)
  try {
    const verifier = hostKeyVerifier(hop.hostKey)
    const list = attempts(hop)
    await new Promise<void>((resolve, reject) => {
      const aborted = (): void => reject(new InterruptedError(`interrupted while connecting to ${hop.label}`, { host }))
      if (signal?.aborted) aborted()
      const done = onAbort(signal, aborted)
      client.once('ready', () => (done(), resolve()))
      client.on('error', (error) => {
        // An agent that is out of order is only one way less to log in.
        if (error.level === 'agent') return
        done()
        reject(refused ?? failure(hop, error, tried, timeout))
      })
      client.once('close', () => (done(), reject(refused ?? lost(hop))))
      client.connect({
        sock: socket as never,
        username: hop.user,
        readyTimeout: timeout,
        keepaliveInterval: KEEPALIVE.interval * 1_000,
        keepaliveCountMax: KEEPALIVE.count,
        algorithms: { serverHostKey: verifier.algorithms as never },
        authHandler: authHandler(list, tried) as never,
        hostVerifier: (wire: Buffer) => (refused = verifier.refuse(wire)) === undefined,
      })
    })
    return client
  } catch (error) {
    client.on('error', () => undefined).destroy()
    socket.on('error', () => undefined).destroy()
    throw error
  }
}

function lost(hop: Hop): UnreachableError {
  return new UnreachableError('host-unreachable', `${hop.label} closed the connection before the login`, { host: hop.hostKey.host, hint: 'is it an SSH server? it may also have too many logins under way' })
}

function failure(hop: Hop, error: Error & { level?: string }, tried: readonly string[], timeout: number): UnreachableError {
  const host = hop.hostKey.host
  switch (error.level) {
    case 'client-authentication':
      return new UnreachableError('auth-failed', `${hop.label} does not let ${hop.user} in; tried: ${tried.length > 0 ? tried.join(', ') : 'nothing, since there is no key, agent or password'}`, {
        host,
        hint: 'set ansible_user, ansible_ssh_private_key_file or ansible_password, or load a key with ssh-add',
      })
    case 'client-timeout':
      return new UnreachableError('host-unreachable', `${hop.label} did not finish the SSH handshake within ${Math.round(timeout / 100) / 10} s`, { host, cause: error })
    case 'handshake':
    case 'protocol':
      return new UnreachableError('handshake-failed', `no SSH connection to ${hop.label}: ${error.message}`, { host, cause: error, hint: /no matching/i.test(error.message) ? 'the host offers nothing in common with farm; with pinned keys, it may lack a key of that kind' : undefined })
    default:
      return /before handshake/i.test(error.message) ? lost(hop) : new UnreachableError('host-unreachable', `lost ${hop.label} while connecting: ${explain(error)}`, { host, cause: error })
  }
}
