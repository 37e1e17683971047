/** One at a time fills a place of the cache: others wait for their turn, and then find that the work is done. */
import { bindingOf, type Connection, type Host } from '../host/index.ts'
import { LockKeeper } from '../hypervisor/index.ts'
import { InterruptedError } from '../errors.ts'

/** The last of those who wait for a connection. */
const queues = new WeakMap<Connection, Promise<unknown>>()

/** A download or a build may take as long as it likes: seconds, some weeks. */
const FOREVER = 2_000_000

/**
 * Runs `work` when nobody else of this process who uses the same connection is at theirs: images are made one after the other, since each
 * takes all of the line, or of the processor.
 */
export async function oneByOne<T>(host: Host, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const before = queues.get(host.connection) ?? Promise.resolve()
  const turn = before.then(() => {
    if (signal?.aborted) throw new InterruptedError()
    return work()
  })
  queues.set(host.connection, turn.catch(() => undefined))
  return turn
}

/**
 * Runs `work` while a lock on `file` is held on the host; it ends with the connection, so a killed run blocks nobody.
 * Without flock on the host it is the caller's own lock of the host that keeps others away.
 */
export async function inTurn<T>(host: Host, file: string, work: () => Promise<T>): Promise<T> {
  const answer = await LockKeeper.of(host).take({ file, holder: 'farm', wait: FOREVER, optional: true, signal: bindingOf(host).signal })
  try {
    return await work()
  } finally {
    if (answer.held) await answer.release()
  }
}
