/**
 * One command of a host's `$`: zx's promise, carried out by a connection instead of by this machine.
 *
 * zx makes the promise and gives it its ways to be piped, awaited and read. How a command is started, fed, read and ended is
 * replaced here, through the fields that zx 8 keeps for itself: its own way means seven streams and three abort
 * controllers a command, which costs as much as the command.
 */
import type { EventEmitter } from 'node:events'
import { Readable, type Transform } from 'node:stream'
import { ZxOutput, ZxPromise, type Options, type ProcessOutput, type ProcessPromise } from './zx.ts'
import { FarmError, InputError, InterruptedError } from '../errors.ts'
import { onAbort } from './abort.ts'
import { firstLine, lineSplitter, type Store } from './output.ts'
import type { PendingProcess } from './process.ts'
import type { ShellEngine } from './shell.ts'
import { verdict } from './verdict.ts'

/** zx's options for one command. */
export type Settings = Partial<Options>

/** One command under way. */
export interface Run {
  readonly engine: ShellEngine
  readonly settings: Settings
  readonly store: Store
  /** Starts the command. */
  begin(command: string): PendingProcess
  /** Makes a command for the far end of a pipe, which waits for its input. */
  sibling(pieces: TemplateStringsArray, values: readonly unknown[]): ProcessPromise
  process?: PendingProcess
  /** Whether somebody else decides where the input ends. */
  fed: boolean
  /** Whether what is written into the promise reaches the command. */
  open: boolean
  piped: boolean
  nothrow: boolean
  timer?: NodeJS.Timeout
  timedOut?: number
  upstream?: Run
  failure?: FarmError | undefined
  outcome?: Promise<ProcessOutput>
  abort?: (reason: unknown) => void
}

/** What zx keeps of a command. */
interface Inner {
  _stage: 'halted' | 'running' | 'fulfilled' | 'rejected'
  _zurk: { child: PendingProcess; store: Store } | null
  readonly _stdin: Transform
  readonly _snapshot: { cmd: string; readonly ee: EventEmitter }
  readonly _breakerData?: { readonly exitCode?: number; readonly signal?: NodeJS.Signals; readonly cause?: unknown }
  finalize(output: ProcessOutput): void
  write(...chunk: unknown[]): ProcessPromise
  end(...chunk: unknown[]): ProcessPromise
}

/** Milliseconds between asking a command to end and ending it. */
const GRACE = 5_000

const runs = new WeakMap<ProcessPromise, Run>()
const bus = (ZxPromise as unknown as { bus: { runBack(promise: ProcessPromise): void } }).bus
const inner = (promise: ProcessPromise): Inner => promise as unknown as Inner

/** Makes zx's promise, halted as it is, a command of a host. */
export function adopt(promise: ProcessPromise, run: Run): void {
  runs.set(promise, run)
  Object.setPrototypeOf(promise, HOST_COMMAND)
}

/** Whether a value is a command of a host. */
export function isCommand(value: unknown): boolean {
  return runs.has(value as ProcessPromise)
}

function runOf(promise: unknown): Run {
  const run = runs.get(promise as ProcessPromise)
  if (run === undefined) throw new Error('Internal error: a command that no host has started')
  return run
}

/** Starts a command whose text is known, and sees it through to its end. */
function carryOut(promise: ProcessPromise, run: Run, command: string): void {
  const zx = inner(promise)
  const { engine, settings, store } = run
  const { ee } = zx._snapshot
  const started = Date.now()
  const finalize = (code: number | null, signal: NodeJS.Signals | null, error: unknown): void => {
    const broken = zx._breakerData
    const dto = { code: broken?.exitCode ?? code, signal: broken?.signal ?? signal, error: broken?.cause ?? error ?? null, duration: Date.now() - started, from: '', store }
    ee.emit('end')
    zx.finalize(new ZxOutput(dto as never))
  }
  let process: PendingProcess
  try {
    process = run.process = run.begin(command)
  } catch (error) {
    return finalize(null, null, error)
  }
  zx._zurk = { child: process, store }
  let failure: unknown
  const lines: (() => void)[] = []
  for (const name of ['stdout', 'stderr'] as const) {
    let splitter: ReturnType<typeof lineSplitter> | undefined
    process[name].on('data', (chunk: Buffer) => {
      store.add(name, chunk)
      if (engine.line !== undefined) {
        if (splitter === undefined) lines.push((splitter = lineSplitter((line) => engine.line?.(name, line))).end)
        splitter.write(chunk)
      }
      ee.emit(name, chunk)
      ee.emit('stdall', chunk)
    })
  }
  const signals = [engine.signal, settings.signal].filter((some) => some !== undefined)
  const abort = (run.abort = (reason): void => {
    run.failure ??= reason instanceof FarmError ? reason : new InterruptedError(`interrupted: ${firstLine(command)}`, { host: engine.host })
    stop(process, 'SIGTERM')
  })
  const aborted = (): void => abort(signals.find((some) => some.aborted)?.reason)
  const forget = signals.map((some) => onAbort(some, aborted))
  process
    .once('error', (error) => (failure = error))
    .once('exit', () => {
      clearTimeout(run.timer)
      for (const off of forget) off()
    })
    .once('close', (code: number | null, signal: NodeJS.Signals | null) => {
      for (const end of lines) end()
      finalize(code, signal, failure)
    })
  if (settings.timeout) limit(run, milliseconds(settings.timeout), settings.timeoutSignal)
  ee.emit('start', process)
  feed(promise, run, process)
  // Whoever pipes into this command does so in the same breath; after that its input is at its end.
  queueMicrotask(() => {
    if (signals.some((some) => some.aborted)) aborted()
    if (run.fed) return
    if (run.open) zx._stdin.end()
    else process.stdin.end()
  })
}

function feed(promise: ProcessPromise, run: Run, process: PendingProcess): void {
  const given = run.settings.input as string | Buffer | Readable | { readonly stdout: string | Readable } | undefined
  const input = typeof given === 'object' && 'stdout' in given ? given.stdout : given
  if (input instanceof Readable) input.pipe(process.stdin)
  else if (input !== undefined && input.length > 0) process.stdin.end(input)
  else if (run.fed) open(promise, run)
}

/** Lets what is piped or written into the promise reach the command, which few need. */
function open(promise: ProcessPromise, run: Run): void {
  if (run.open || run.process === undefined) return
  run.open = true
  inner(promise)._stdin.pipe(run.process.stdin)
}

type Pipe = (dest: unknown, ...values: unknown[]) => unknown

/** One of zx's ways to pipe, for commands on a host. */
function pipeFrom(run: Run, via: Pipe): Pipe {
  return (dest, ...values) => {
    run.piped = true
    // zx would run the second command of a pipe on this machine.
    const target = Array.isArray(dest) && 'raw' in dest ? run.sibling(dest as unknown as TemplateStringsArray, values) : dest
    const next = runs.get(target as ProcessPromise)
    if (next !== undefined) {
      next.fed = true
      next.upstream = run
      open(target as ProcessPromise, next)
    }
    return via(target)
  }
}

/** How a command ended: zx's output, or farm's own error. */
function outcomeOf(promise: ProcessPromise): Promise<ProcessOutput> {
  const run = runOf(promise)
  return (run.outcome ??= Promise.prototype.then.call(
    promise,
    (output: ProcessOutput) => {
      const failure = verdict(run, promise.cmd, output)
      if (failure !== undefined) throw failure
      return output
    },
    (output: ProcessOutput) => {
      throw verdict(run, promise.cmd, output) ?? output
    },
  ) as Promise<ProcessOutput>)
}

const codeOf = (output: ProcessOutput): number | null => output.exitCode
const zxCommand = ZxPromise.prototype
const zxPipe = Object.getOwnPropertyDescriptor(zxCommand, 'pipe')?.get

/** What is different from zx's promise. */
const HOST_COMMAND: object = Object.create(
  zxCommand,
  Object.getOwnPropertyDescriptors({
    // What `then` gives is a plain promise: zx would make a command of it, and then disable that.
    constructor: { [Symbol.species]: Promise },
    then(this: ProcessPromise, onDone: never, onFailed: never) {
      return outcomeOf(this).then(onDone, onFailed)
    },
    get exitCode() {
      return Promise.prototype.then.call(this as unknown as ProcessPromise, codeOf, codeOf)
    },
    run(this: ProcessPromise) {
      const run = runOf(this)
      bus.runBack(this)
      const zx = inner(this)
      if (zx._stage !== 'halted') return this
      zx._stage = 'running'
      const command = this.cmd as string | Promise<string>
      if (typeof command === 'string') carryOut(this, run, command)
      else command.then((text) => carryOut(this, run, (zx._snapshot.cmd = text)), (error: Error) => zx.finalize(ZxOutput.fromError(error)))
      return this
    },
    async kill(this: ProcessPromise, signal: NodeJS.Signals = 'SIGTERM') {
      runOf(this).process?.kill(signal)
    },
    abort(this: ProcessPromise, reason?: unknown) {
      runOf(this).abort?.(reason)
    },
    nothrow(this: ProcessPromise, on = true) {
      runOf(this).nothrow = on
      return zxCommand.nothrow.call(this, on)
    },
    timeout(this: ProcessPromise, duration: unknown, signal?: NodeJS.Signals) {
      if (duration) limit(runOf(this), milliseconds(duration), signal)
      return this
    },
    get pipe() {
      const run = runOf(this)
      const via = zxPipe?.call(this) as Pipe & { stdout: Pipe; stderr: Pipe; stdall: Pipe }
      return Object.assign(pipeFrom(run, via), { stdout: pipeFrom(run, via.stdout), stderr: pipeFrom(run, via.stderr), stdall: pipeFrom(run, via.stdall) })
    },
    write(this: ProcessPromise, ...chunk: unknown[]) {
      open(this, runOf(this))
      return inner(zxCommand).write.apply(this, chunk)
    },
    end(this: ProcessPromise, ...chunk: unknown[]) {
      open(this, runOf(this))
      return inner(zxCommand).end.apply(this, chunk)
    },
    // What a stream tells its destination when it is piped here.
    emit(this: ProcessPromise, event: string) {
      if (event === 'pipe') {
        runOf(this).fed = true
        open(this, runOf(this))
      }
      return this
    },
  }),
)

function limit(run: Run, duration: number, signal: NodeJS.Signals = 'SIGTERM'): void {
  clearTimeout(run.timer)
  run.timer = setTimeout(() => {
    if (run.process === undefined || run.process.ended) return
    run.timedOut = duration
    stop(run.process, signal)
  }, duration)
  if (run.process?.ended === true) clearTimeout(run.timer)
}

/** Asks a command to end, then ends it, then stops waiting for it. */
function stop(process: PendingProcess, signal: NodeJS.Signals): void {
  process.kill(signal)
  const timers = [setTimeout(() => process.kill('SIGKILL'), GRACE), setTimeout(() => process.exit(null, 'SIGKILL'), GRACE + 2_000)]
  process.once('exit', () => timers.forEach(clearTimeout))
}

/** zx's durations: a number of milliseconds, `'500ms'`, `'5s'`, `'2m'`. */
function milliseconds(duration: unknown): number {
  if (typeof duration === 'number' && duration >= 0) return duration
  const [, amount, unit] = /^(\d+)(ms|s|m)?$/.exec(String(duration)) ?? []
  if (amount === undefined) throw new InputError('command-timeout', `not a duration: ${String(duration)}`, { hint: "write a number of milliseconds, '500ms', '5s' or '2m'" })
  return Number(amount) * (unit === 's' ? 1_000 : unit === 'm' ? 60_000 : 1)
}
