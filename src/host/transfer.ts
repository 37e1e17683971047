/**
 * Bytes that are too many to be held: streams between the controller and a host's commands.
 *
 * Files go to a host as one tar stream through one command. In the stream they are numbered, so that no name, however odd, meets
 * tar or sha256sum; the last members are their digests and the script that moves them to their places.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { FarmError, TaskError } from '../errors.ts'
import { temporaryName } from './files.ts'
import { PendingProcess } from './process.ts'
import { firstLine } from './shell.ts'
import { tarEnd, tarHeader, tarPadding } from './tar.ts'
import type { RemoteProcess, Shell } from './types.ts'

/** Gives a process's standard output to `sink`, with backpressure; whoever watches the process sees an empty one. */
export function diverted(real: RemoteProcess, sink: Writable): PendingProcess {
  const process = new PendingProcess((signal) => void real.kill(signal))
  const leave = (): void => {
    real.stdout.unpipe(sink)
    real.stdout.resume()
  }
  const failed = (): void => {
    leave()
    real.kill('SIGTERM')
  }
  process.stdin.join(real.stdin)
  process.stderr.follow(real.stderr)
  real.stdout.pipe(sink, { end: false })
  sink.once('error', failed).once('close', leave)
  const ended = (): void => void sink.off('error', failed).off('close', leave)
  real.once('error', (error: Error) => (ended(), process.fail(error)))
  real.once('close', (code: number | null, signal: NodeJS.Signals | null) => (ended(), process.exit(code, signal)))
  return process
}

/** A file of the controller that is sent. */
export interface Parcel {
  /** Absolute path on the controller. */
  readonly path: string
  /** Bytes; the file must still have so many when it is sent. */
  readonly size: number
}

/** Where parcels go. */
export interface Delivery {
  /** An absolute directory on the host; the parcels arrive in a temporary one within it. */
  readonly dir: string
  /** Makes `dir`, and what is above it, where it is missing. */
  readonly create?: boolean
  readonly parcels: readonly Parcel[]
  /**
   * Lines of POSIX shell that run once all has arrived and has been verified: in the temporary directory, where the parcels are
   * files named 0, 1, 2 …, readable by their owner alone. `$dir` is the directory.
   */
  readonly script: string
}

/**
 * Sends files and puts them into place. Whatever ends it half way, nothing temporary stays behind.
 * @throws TaskError `transfer-failed`, or `transfer-changed` when a file changes while it is read
 */
export async function sendFiles($: Shell, host: string, { dir, create = false, parcels, script }: Delivery): Promise<void> {
  const source = Readable.from(archive(parcels, script), { objectMode: true, highWaterMark: 4 })
  const command = $({ input: source as never, nothrow: true })`
    dir=${dir}
    made=
    stage=\${dir%/}/${temporaryName()}
    trap 'rm -rf "$stage"; [ -z "$made" ] || rmdir "$made" 2>/dev/null || :' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    if ${create} && ! [ -d "$dir" ]; then umask 022; made=$dir; mkdir -p "$dir"; fi
    umask 077
    mkdir "$stage"
    cd "$stage"
    tar -xof -
    [ -f plan ] || { echo 'not all of it arrived' >&2; exit 1; }
    if [ -s sums ]; then sha256sum -c sums > /dev/null; fi
    . ./plan
    made=`
  let broken: Error | undefined
  source.once('error', (error: Error) => {
    broken = error
    void command.kill()
  })
  try {
    const output = await command
    if (broken === undefined && output.exitCode !== 0) {
      throw new TaskError('transfer-failed', `cannot write to ${dir}: ${firstLine(output.stderr) || `exit code ${output.exitCode}`}`, {
        host,
        details: output.stderr.trim().split('\n').slice(-20),
        hint: /^mkdir.*No such file/.test(output.stderr) ? 'create its directory first: ensure.directory' : undefined,
      })
    }
  } finally {
    source.destroy()
  }
  if (broken instanceof FarmError) broken.host ??= host
  if (broken !== undefined) throw broken
}

/** The parcels, their digests and the script as one tar stream. */
async function* archive(parcels: readonly Parcel[], script: string): AsyncGenerator<Buffer> {
  let sums = ''
  for (const [index, { path, size }] of parcels.entries()) {
    yield tarHeader({ path: String(index), mode: 0o600, type: 'file', size })
    const hash = createHash('sha256')
    let sent = 0
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      sent += chunk.length
      if (sent > size) break
      hash.update(chunk)
      yield chunk
    }
    if (sent !== size) throw new TaskError('transfer-changed', `${path} changed while it was sent`, { hint: 'run it again once nothing writes to it' })
    yield tarPadding(size)
    sums += `${hash.digest('hex')}  ${index}\n`
  }
  for (const [path, text] of [['sums', sums], ['plan', script]] as const) {
    const bytes = Buffer.from(text)
    yield Buffer.concat([tarHeader({ path, mode: 0o600, type: 'file', size: bytes.length }), bytes, tarPadding(bytes.length)])
  }
  yield tarEnd()
}
