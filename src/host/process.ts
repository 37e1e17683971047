/**
 * A running command in the shape that zx expects of a ChildProcess, whoever runs it: a local child, an ssh channel,
 * or one that has not started yet because a channel or a password prompt has to come first.
 */
import { EventEmitter } from 'node:events'
import { PassThrough, Transform, type TransformCallback } from 'node:stream'
import type { RemoteProcess } from './types.ts'

/** Passes bytes on so that no chunk ends within a UTF-8 character; the bytes themselves stay as they are. */
export class Utf8Chunks extends Transform {
  #rest: Buffer = Buffer.alloc(0)

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    const whole = bytes.length - incomplete(bytes)
    this.#rest = bytes.subarray(whole)
    done(null, whole > 0 ? bytes.subarray(0, whole) : undefined)
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#rest.length > 0 ? this.#rest : undefined)
  }
}

/** How many bytes at the end belong to a character whose other bytes are yet to come. */
function incomplete(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0b1100_0000) === 0b1000_0000) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}

/**
 * A process whose start, streams and end are given from outside.
 * `exit` fires once the end is known, `close` once both outputs have also been read; a failure is announced by `error` first.
 */
export class PendingProcess extends EventEmitter implements RemoteProcess {
  readonly stdin = new PassThrough()
  readonly stdout = new Utf8Chunks()
  readonly stderr = new Utf8Chunks()
  /** Undefined always: what runs elsewhere must never be mistaken for a process of this machine. */
  readonly pid = undefined
  /** Number of the process that leads the command's group at the far end, once known. */
  leader: number | undefined
  #killer: (signal: NodeJS.Signals) => void
  #ended = false
  #open = 2

  /** @param killer - what a signal does before something is attached; the command ends at once when not given */
  constructor(killer?: (signal: NodeJS.Signals) => void) {
    super()
    this.#killer = killer ?? ((signal) => this.exit(null, signal))
    // A command may end without having read all of its input: that is no failure of ours.
    this.stdin.on('error', () => undefined)
    for (const stream of [this.stdout, this.stderr]) {
      let counted = false
      const closed = (): void => {
        if (counted) return
        counted = true
        this.#open -= 1
        this.#closeWhenRead()
      }
      stream.on('error', () => undefined).once('end', closed).once('close', closed)
    }
  }

  /** Wraps any process, so that its streams are of the kind described here. */
  static around(real: RemoteProcess): PendingProcess {
    if (real instanceof PendingProcess) return real
    const process = new PendingProcess()
    process.attach(real)
    return process
  }

  get ended(): boolean {
    return this.#ended
  }

  #status: readonly [number | null, NodeJS.Signals | null] = [null, null]

  /** Sets what `kill` does from now on. */
  set killer(killer: (signal: NodeJS.Signals) => void) {
    this.#killer = killer
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (this.#ended) return false
    this.#killer(signal)
    return true
  }

  /** Lets `real` be what runs; `streams` false leaves the joining of the streams to the caller. */
  attach(real: RemoteProcess, streams = true): void {
    this.#killer = (signal) => void real.kill(signal)
    real.stdin.on('error', () => undefined)
    if (streams) {
      this.stdin.pipe(real.stdin)
      real.stdout.pipe(this.stdout)
      real.stderr.pipe(this.stderr)
    }
    real.once('error', (error: Error) => this.fail(error))
    real.once('close', (code: number | null, signal: NodeJS.Signals | null) => this.exit(code, signal))
  }

  /** The command has ended, and all that it printed has been written to the outputs. */
  exit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#status = [code, signal]
    this.stdin.unpipe()
    this.stdin.resume()
    this.stdout.end()
    this.stderr.end()
    this.emit('exit', code, signal)
    this.#closeWhenRead()
  }

  /** The command could not be started, or its end is unknown. */
  fail(error: Error): void {
    if (this.#ended) return
    if (this.listenerCount('error') > 0) this.emit('error', error)
    this.exit(null, null)
  }

  #closeWhenRead(): void {
    if (this.#ended && this.#open === 0) {
      this.#open = -1
      this.emit('close', ...this.#status)
    }
  }
}
