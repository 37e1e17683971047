/** Forwarded SSH ports of machines with user networking: the same for a name, as long as nobody else has it. */
import { createHash } from 'node:crypto'
import { nextFree } from '../../src/machine/index.ts'

/** Below the kernel's range for outgoing connections. */
const RANGE = { first: 20_000, count: 10_000 }

/**
 * Gives a port to a name: the one its hash leads to, or the next that is free.
 *
 * @param taken ports that are in use or promised; the chosen one is added.
 */
export function choosePort(cluster: string, name: string, taken: Set<number>): number {
  const start = createHash('sha256').update(`${cluster}/${name}`).digest().readUInt32BE(4)
  const port = nextFree({ ...RANGE, start }, taken)
  if (port === undefined) throw new Error(`no free port between ${RANGE.first} and ${RANGE.first + RANGE.count - 1}`)
  taken.add(port)
  return port
}
