/** One at a time fills a place of the cache: others wait for their turn, and then find that the work is done. */
import { PassThrough } from 'node:stream'
import { InterruptedError, TaskError } from '../errors.ts'
import type { Connection, Host } from '../host/index.ts'

/** The last of those who wait for a connection. */
const queues = new WeakMap<Connection, Promise<unknown>>()

/**
 * Runs `work` when nobody else of this process who uses the same connection is at theirs. A lock that is held, or waited for, takes one of
 * the connection's few channels: without this, the images of a few machines would take them all, and none be left to work with.
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
 * Runs `work` while a process on the host holds a `flock` on `file`; it ends with the connection, so a killed run blocks nobody.
 * Without flock on the host it is the caller's own lock of the host that keeps others away.
 */
export async function inTurn<T>(host: Host, file: string, work: () => Promise<T>): Promise<T> {
  const input = new PassThrough()
  // Whoever locked a file that its last holder has removed tries again.
  const held = host.query({ input, nothrow: true })`
if command -v flock >/dev/null; then
  while :; do
    exec 9>>${file}
    flock 9
    [ ${file} -ef /proc/self/fd/9 ] && break
  done
fi
echo held
cat >/dev/null
rm -f ${file}`
  try {
    await new Promise<void>((resolve, reject) => {
      held.stdout.once('data', () => resolve())
      held.then(({ stderr }) => reject(new TaskError('image-lock', `${file} cannot be locked: ${stderr.trim()}`, { host: host.name })), reject)
    })
    return await work()
  } finally {
    input.end()
    await held.then(undefined, () => undefined)
  }
}
