/** Files of a host, streamed to the controller: one command, its output cut at the sizes that were listed before. */
import { PassThrough } from 'node:stream'
import { TaskError } from '../errors.ts'
import type { Host } from '../host/index.ts'
import type { Listed } from './listing.ts'
import { PendingFile } from './local-tree.ts'

/** Prints for each `size:path` so many bytes of the file: one that grows meanwhile does not disturb those that follow. */
const CAT = 'for each do head -c "${each%%:*}" "./${each#*:}" || exit 1; done'

/**
 * Fetches files to the places that `place` names, each atomically, once its digest has proved to be the listed one.
 * @param base - the directory that the paths are relative to, or the one file itself, whose path then is `''`
 * @throws TaskError `fetch-changed` when a file is not what it was when it was listed
 */
export async function receiveFiles(host: Host, base: string, files: readonly Listed[], place: (file: Listed) => string, signal: AbortSignal): Promise<void> {
  if (files.length === 0) return
  const sink = new PassThrough()
  const stored = store(sink, host, files, place, signal)
  // Its failure is told by `stored`; the stream only has to let the command go.
  stored.catch((error: Error) => sink.destroy(error))
  sink.on('error', () => undefined)
  const input = Buffer.from(files.map(({ path, size }) => `${size}:${path}\0`).join(''))
  let said = ''
  let problem: unknown
  try {
    const output = await host.queryInto(sink)({ input, nothrow: true })`
      base=${base}
      if [ -d "$base" ]; then cd "$base"; exec xargs -0 sh -c ${CAT} sh
      else head -c ${files[0]?.size ?? 0} "$base"; fi`
    if (output.exitCode !== 0) said = output.stderr.trim().split('\n')[0] ?? ''
  } catch (error) {
    problem = error
  }
  if (problem === undefined) sink.end()
  else sink.destroy(problem as Error)
  try {
    await stored
  } catch (error) {
    // What ended the command explains why the stream ended.
    throw problem ?? (said !== '' && error instanceof TaskError ? new TaskError('file-read', `cannot fetch: ${said}`, { host: host.name }) : error)
  }
  if (problem !== undefined) throw problem
}

async function store(source: PassThrough, host: Host, files: readonly Listed[], place: (file: Listed) => string, signal: AbortSignal): Promise<void> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let held: Buffer = Buffer.alloc(0)
  for (const file of files) {
    const pending = await PendingFile.open(place(file))
    try {
      let left = file.size
      while (left > 0) {
        if (held.length === 0) {
          const { value, done } = await chunks.next()
          signal.throwIfAborted()
          if (done) throw new TaskError('fetch-changed', `${file.path || 'the file'} became shorter while it was fetched`, { host: host.name })
          held = value
        }
        const part = held.subarray(0, left)
        held = held.subarray(part.length)
        left -= part.length
        await pending.write(part)
      }
      if (!(await pending.finish(file.sha256 ?? '', file.mode & 0o777))) {
        throw new TaskError('fetch-changed', `${file.path || 'the file'} changed while it was fetched`, { host: host.name, hint: 'run it again once nothing writes to it' })
      }
    } finally {
      await pending.discard()
    }
  }
  if (held.length > 0 || !(await chunks.next()).done) throw new TaskError('fetch-changed', 'more came than was asked for', { host: host.name })
}
