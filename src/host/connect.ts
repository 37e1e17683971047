/** From a description to an open connection. */
import { localConnection } from './local.ts'
import type { Connection, HostSpec } from './types.ts'

/** Loaded once: many hosts ask for it at the same moment. */
let library: Promise<typeof import('./ssh/connection.ts')> | undefined

/**
 * Opens a connection to a host. The SSH library is loaded only when a host needs it.
 * @throws UnreachableError `host-unreachable`, `handshake-failed`, `auth-failed`, `host-key-unknown`, `host-key-changed`, `host-key-revoked`
 * @throws InputError for keys and files that cannot be used
 */
export async function connect(spec: HostSpec, options: { signal?: AbortSignal | undefined } = {}): Promise<Connection> {
  if (spec.connection === 'local') return localConnection(spec)
  const { connectSsh } = await (library ??= import('./ssh/connection.ts'))
  return connectSsh(spec, options)
}
