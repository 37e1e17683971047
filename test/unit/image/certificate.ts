/** A certificate authority for tests. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Makes a self-signed certificate (PEM). */
export async function certificate(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', '/dev/null', '-days', '2', '-subj', `/CN=${name}`])
  return stdout
}
