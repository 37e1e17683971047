/**
 * A running command in the shape that zx expects of a ChildProcess, whoever runs it: a local child, an ssh channel,
 * or one that has not started yet because a channel or a password prompt has to come first.
 */
import { EventEmitter } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { began, ended } from './running.ts'
import type { RemoteProcess } from './types.ts'

const NOTHING = Buffer.alloc(0)

/**
 * What a command prints. No chunk ends within a UTF-8 character; the bytes themselves stay as they are.
 * Why no Transform: there are two of these for each command, and one costs three times as much as this.
 */
export class Output extends Readable {
  #rest: Buffer = NOTHING
  #finished = false
  #source: Readable | undefined

  constructor() {
    super({ autoDestroy: false })
    this.on('error', () => undefined)
  }

  /** Reads all that `source` gives, as fast as this is read. */
  follow(source: Readable): void {
    this.#source = source
    source.on('data', (chunk: Buffer) => {
      if (!this.write(chunk)) source.pause()
    })
    source.once('end', () => this.finish())
  }

  /** Adds bytes; false when nobody reads for now. */
  write(chunk: Buffer): boolean {
    // What nobody wants any more must not keep its source from ending.
    if (this.#finished || this.destroyed) return true
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    const whole = bytes.length - incomplete(bytes)
    this.#rest = whole === bytes.length ? NOTHING : bytes.subarray(whole)
    return whole === 0 || this.push(whole === bytes.length ? bytes : bytes.subarray(0, whole))
  }

  /** Nothing more comes. */
  finish(): void {
    if (this.#finished) return
    this.#finished = true
    if (this.#rest.length > 0) this.push(this.#rest)
    this.push(null)
  }

  override _read(): void {
    this.#source?.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#source?.resume()
    done(error)
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

/** What a command is given to read: waits for whoever takes it, and vanishes once the command has ended. */
export class Input extends Writable {
  #sink: Writable | undefined
  #gone = false
  /** What to do as soon as there is somebody to take it, and whom to tell when it is done. */
  #work: ((sink: Writable) => void) | undefined
  #done: (() => void) | undefined

  constructor() {
    super({ autoDestroy: false })
    // A command may end without having read all of its input: that is no failure of ours.
    this.on('error', () => undefined)
  }

  /** Sends all to `sink`, as fast as that takes it. */
  join(sink: Writable): void {
    sink.on('error', () => undefined)
    this.#sink = sink
    this.#work?.(sink)
  }

  /** Lets go of what was not taken, and of all that is still written. */
  release(): void {
    this.#gone = true
    this.#next()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#pass((sink) => void sink.write(chunk, () => this.#next()), done)
  }

  override _final(done: () => void): void {
    this.#pass((sink) => {
      // A short command has often closed its input before it was at its end.
      if (!sink.writableEnded) sink.end()
      this.#next()
    }, done)
  }

  #pass(work: (sink: Writable) => void, done: () => void): void {
    if (this.#gone) return done()
    this.#done = done
    if (this.#sink === undefined) this.#work = work
    else work(this.#sink)
  }

  #next(): void {
    const done = this.#done
    this.#work = this.#done = undefined
    done?.()
  }
}

/**
 * A process whose start, streams and end are given from outside.
 * `exit` fires once the end is known, `close` once both outputs have also been read; a failure is announced by `error` first.
 */
export class PendingProcess extends EventEmitter implements RemoteProcess {
  readonly stdin = new Input()
  readonly stdout = new Output()
  readonly stderr = new Output()
  /** Undefined always: what runs elsewhere must never be mistaken for a process of this machine. */
  readonly pid = undefined
  /** Number of the process that leads the command's group at the far end, once known. */
  leader: number | undefined
  #killer: (signal: NodeJS.Signals) => void
  #ended = false
  #open = 2
  #status: readonly [number | null, NodeJS.Signals | null] = [null, null]

  /** @param killer - what a signal does before something is attached; the command ends at once when not given */
  constructor(killer?: (signal: NodeJS.Signals) => void) {
    super()
    this.#killer = killer ?? ((signal) => this.exit(null, signal))
    for (const stream of [this.stdout, this.stderr]) {
      let counted = false
      const closed = (): void => {
        if (counted) return
        counted = true
        this.#open -= 1
        this.#closeWhenRead()
      }
      stream.once('end', closed).once('close', closed)
    }
    began(this)
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

  /** Sets what `kill` does from now on. */
  set killer(killer: (signal: NodeJS.Signals) => void) {
    this.#killer = killer
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (this.#ended) return false
    this.#killer(signal)
    return true
  }

  /** Lets `real` be what runs. */
  attach(real: RemoteProcess): void {
    this.#killer = (signal) => void real.kill(signal)
    this.stdin.join(real.stdin)
    this.stdout.follow(real.stdout)
    this.stderr.follow(real.stderr)
    real.once('error', (error: Error) => this.fail(error))
    real.once('close', (code: number | null, signal: NodeJS.Signals | null) => this.exit(code, signal))
  }

  /** The command has ended, and all that it printed has been written to the outputs. */
  exit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#ended) return
    this.#ended = true
    ended(this)
    this.#status = [code, signal]
    this.stdin.release()
    this.stdout.finish()
    this.stderr.finish()
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
