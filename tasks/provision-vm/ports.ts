/** Forwarded SSH ports of machines with user networking: the same for a name, as long as nobody else has it. */
import { createHash } from 'node:crypto'

/** First port of the range, and how many there are: below the kernel's range for outgoing connections. */
const FIRST = 20000
const COUNT = 10000

/**
 * Gives a port to a name: the one its hash leads to, or the next that is free.
 *
 * @param taken ports that are in use or promised; the chosen one is added.
 */
export function choosePort(cluster: string, name: string, taken: Set<number>): number {
  const start = createHash('sha256').update(`${cluster}/${name}`).digest().readUInt32BE(4) % COUNT
  for (let step = 0; step < COUNT; step += 1) {
    const port = FIRST + ((start + step) % COUNT)
    if (taken.has(port)) continue
    taken.add(port)
    return port
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT - 1}`)
}
