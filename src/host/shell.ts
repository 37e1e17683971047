/**
 * `host.$` is zx's `$` with another engine: a command runs where the host is, values are quoted for any POSIX shell,
 * standard input is at its end unless input is given, and failures are farm's own errors.
 *
 * Three things differ from zx: `text()`, `json()` and `lines()` read standard output alone, `a.pipe(b)` fails when `a` does,
 * and what is not about an exit status (a lost connection, an interruption, a refused privilege) is thrown despite `nothrow`.
 *
 * zx keeps its settings in an async context; every call passes all that matters, so nothing global is read or written.
 */
import { $ as zx, type Options, type ProcessOutput, type ProcessPromise } from 'zx/core'
import { FarmError, InputError, InterruptedError, TaskError } from '../errors.ts'
import { lastLines, createStore, lineSplitter, type Store } from './output.ts'
import { PendingProcess } from './process.ts'
import { checkPlacement, posixQuote } from './quote.ts'
import type { RemoteProcess, Shell } from './types.ts'

/** Where and how a shell's commands run. */
export interface ShellEngine {
  /** Inventory name for errors. */
  readonly host: string
  /** Starts a script with `/bin/sh -c`. */
  spawn(script: string): RemoteProcess
  /** Bytes of standard output that are kept: its end, unless `whole`. */
  readonly keep: number
  /** Output beyond `keep` is an error instead of being dropped. */
  readonly whole?: boolean
  /** Told of each command before it starts; false means that it shall not run and counts as done. */
  starting?(command: string): boolean
  /** Receives the output line by line. */
  line?(stream: 'stdout' | 'stderr', line: string): void
  readonly signal?: AbortSignal | undefined
}

type Settings = Partial<Options>

/** One command under way. */
interface Run {
  readonly engine: ShellEngine
  readonly settings: Settings
  readonly store: Store
  process?: PendingProcess
  fed: boolean
  piped: boolean
  nothrow: boolean
  timer?: NodeJS.Timeout
  timedOut?: number
  upstream?: Run
  failure?: FarmError | undefined
}

/** Where the tools of administrators are. `su` keeps a user's PATH, in which dpkg then misses some of its own. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'].map((dir) => `case ":\${PATH-}:" in *:${dir}:*) ;; *) PATH=\${PATH:+$PATH:}${dir};; esac; `).join('')
/** Set before each command: predictable messages, all tools, and no carrying on after a failure or with a misspelt variable. */
const PREAMBLE = `LC_ALL=C.UTF-8; ${SBIN}export LC_ALL PATH; set -eu\n`
/** Linux takes no longer argument than 128 KiB; some of it goes to quoting. */
const LONGEST = 120_000
/** Milliseconds between asking a command to end and ending it. */
const GRACE = 5_000

const runs = new WeakMap<ProcessPromise, Run>()

/** Makes a `$` for an engine; `$({…})` accepts zx's options and gives a `$` with those. */
export function createShell(engine: ShellEngine, settings: Settings = {}): Shell {
  const call = (first: TemplateStringsArray | Settings, ...args: unknown[]): unknown =>
    Array.isArray(first) ? start(engine, settings, first as unknown as TemplateStringsArray, args) : createShell(engine, { ...settings, ...(first as Settings) })
  return call as unknown as Shell
}

function start(engine: ShellEngine, settings: Settings, pieces: TemplateStringsArray, args: readonly unknown[]): ProcessPromise {
  if (settings.sync) throw new InputError('command-sync', 'commands on a host cannot be waited for synchronously', { host: engine.host })
  if (pieces.some((piece: string | undefined) => piece === undefined)) throw new InputError('command-escape', 'the command contains an escape that JavaScript does not know', { host: engine.host, hint: 'write each backslash twice' })
  checkPlacement(pieces)
  const run: Run = {
    engine,
    settings,
    store: createStore(engine.keep),
    fed: settings.input !== undefined && settings.input !== '',
    piped: false,
    nothrow: settings.nothrow ?? false,
  }
  const spawn = ((command: string, _args: readonly string[], options: { signal?: AbortSignal }) => launch(run, promise, command, options.signal)) as unknown as Options['spawn']
  const configured = zx({
    input: undefined as never,
    delimiter: /\r?\n/,
    ...settings,
    // zx would take these from its own globals, or act on this machine with them.
    cwd: undefined as never,
    env: {},
    prefix: '',
    postfix: '',
    shell: '/bin/sh',
    quote: posixQuote,
    verbose: false,
    quiet: true,
    detached: false,
    preferLocal: false,
    stdio: 'pipe',
    timeout: 0,
    log: (() => undefined) as unknown as Options['log'],
    nothrow: run.nothrow,
    store: run.store,
    spawn,
    halt: true,
  })
  const promise: ProcessPromise = configured(pieces, ...args.map((arg, index) => checkArgument(arg, index, engine.host)))
  runs.set(promise, run)
  adapt(promise, run)
  if (settings.halt !== true) promise.run()
  return promise
}

/** Replaces the methods of zx's promise that would act on this machine's processes, or let zx's own errors out. */
function adapt(promise: ProcessPromise, run: Run): void {
  const { then: zxThen, nothrow: zxNothrow } = promise
  const zxPipe = promise.pipe as unknown as (dest: unknown, ...rest: unknown[]) => unknown
  let outcome: Promise<ProcessOutput> | undefined
  const settled = (): Promise<ProcessOutput> =>
    (outcome ??= zxThen.call(
      promise,
      (output: ProcessOutput) => {
        const failure = verdict(run, promise, output)
        if (failure !== undefined) throw failure
        return output
      },
      (output: ProcessOutput) => {
        throw verdict(run, promise, output) ?? output
      },
    ) as Promise<ProcessOutput>)

  const pipeFrom = (via: (dest: unknown, ...rest: unknown[]) => unknown) => (dest: unknown, ...values: unknown[]): unknown => {
    run.piped = true
    const template = Array.isArray(dest) && 'raw' in dest
    // zx would run the second command of a pipe on this machine.
    const target = template ? start(run.engine, { ...run.settings, input: undefined as never, nothrow: false, halt: true }, dest as unknown as TemplateStringsArray, values) : dest
    const next = runs.get(target as ProcessPromise)
    if (next !== undefined) {
      next.fed = true
      next.upstream = run
    }
    return via(target)
  }
  const pipe = Object.assign(pipeFrom(zxPipe), {
    stdout: pipeFrom((zxPipe as unknown as ProcessPromise['pipe']).stdout as never),
    stderr: pipeFrom((zxPipe as unknown as ProcessPromise['pipe']).stderr as never),
    stdall: pipeFrom((zxPipe as unknown as ProcessPromise['pipe']).stdall as never),
  })

  const replaced: Record<string, unknown> = {
    then: (onDone: never, onFailed: never) => settled().then(onDone, onFailed),
    kill: async (signal: NodeJS.Signals = 'SIGTERM') => void run.process?.kill(signal),
    nothrow: (on = true) => {
      run.nothrow = on
      return zxNothrow.call(promise, on)
    },
    timeout: (duration: unknown, signal?: NodeJS.Signals) => {
      // zx calls this itself, with nothing, when the command starts.
      if (duration) limit(run, milliseconds(duration), signal)
      return promise
    },
    pipe,
    // What a stream tells its destination when it is piped here.
    emit: (event: string) => {
      if (event === 'pipe') run.fed = true
      return promise
    },
  }
  for (const [key, value] of Object.entries(replaced)) Object.defineProperty(promise, key, { value, configurable: true })
  Object.defineProperty(promise, 'exitCode', { get: () => zxThen.call(promise, codeOf, codeOf), configurable: true })
}

const codeOf = (output: ProcessOutput): never => output.exitCode as never

/** Starts the command for zx, which takes the answer for a ChildProcess. */
function launch(run: Run, promise: ProcessPromise, command: string, signal: AbortSignal | undefined): PendingProcess {
  const process = (run.process = begin(run, command))
  const { engine, settings } = run
  if (engine.line !== undefined) {
    for (const stream of ['stdout', 'stderr'] as const) {
      const splitter = lineSplitter((line) => engine.line?.(stream, line))
      process[stream].on('data', splitter.write).once('end', splitter.end)
    }
  }
  const signals = [engine.signal, signal].filter((some) => some !== undefined)
  const aborted = (): void => {
    const reason: unknown = signals.find((some) => some.aborted)?.reason
    run.failure ??= reason instanceof FarmError ? reason : new InterruptedError(`interrupted: ${firstLine(command)}`, { host: engine.host })
    stop(process, 'SIGTERM')
  }
  for (const some of signals) some.addEventListener('abort', aborted)
  process.once('exit', () => {
    clearTimeout(run.timer)
    for (const some of signals) some.removeEventListener('abort', aborted)
  })
  if (settings.timeout) limit(run, milliseconds(settings.timeout), settings.timeoutSignal)
  // Whoever pipes into this command does so in the same breath; after that its input is at its end.
  queueMicrotask(() => {
    if (signals.some((some) => some.aborted)) aborted()
    if (!run.fed) (promise as unknown as { end(): void }).end()
  })
  return process
}

function begin(run: Run, command: string): PendingProcess {
  const { engine, settings } = run
  const script = PREAMBLE + surroundings(settings, engine.host) + command
  if (Buffer.byteLength(script) > LONGEST) {
    throw new InputError('command-too-long', `the command is longer than ${LONGEST} bytes: ${firstLine(command)}`, { host: engine.host, hint: 'give long values as input instead' })
  }
  const dead = engine.signal?.aborted === true || settings.signal?.aborted === true
  if (!dead && engine.starting?.(command) !== false) return PendingProcess.around(engine.spawn(script))
  const process = new PendingProcess()
  setImmediate(() => process.exit(dead ? null : 0, dead ? 'SIGTERM' : null))
  return process
}

/** The working directory and environment that zx would have set on this machine. */
function surroundings({ cwd, env }: Settings, host: string): string {
  let script = cwd === undefined ? '' : `cd -- ${posixQuote(cwd)}\n`
  for (const [name, value] of Object.entries(env ?? {})) {
    // `{ ...process.env, NAME: 'value' }` means that one variable, not the controller's whole environment.
    if (value === undefined || value === process.env[name]) continue
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new InputError('command-env', `not a name for an environment variable: ${name}`, { host })
    script += `export ${name}=${posixQuote(value)}\n`
  }
  return script
}

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

/** The error that a finished command means, if any. What is not about its exit status is an error even with `nothrow`. */
function verdict(run: Run, promise: ProcessPromise, output: ProcessOutput): FarmError | undefined {
  const host = run.engine.host
  if (run.failure !== undefined) return run.failure
  const cause: unknown = output.cause
  if (cause instanceof FarmError && run.upstream?.failure === undefined) {
    cause.host ??= host
    return (run.failure = cause)
  }
  if (run.engine.whole === true && run.store.overflowed() && !run.piped) {
    return (run.failure = new TaskError('command-output', `${firstLine(promise.cmd)}: printed more than ${run.engine.keep} bytes`, { host, hint: 'pipe the output to a file' }))
  }
  if (run.nothrow) return undefined
  // As with pipefail: what the second command made of half an input is no success.
  if (run.upstream?.failure !== undefined) return (run.failure = run.upstream.failure)
  if (output.ok) return undefined
  const summary = firstLine(promise.cmd)
  const details = lastLines(output.stderr.trim() === '' ? output.stdout : output.stderr)
  if (run.timedOut !== undefined) {
    return (run.failure = new TaskError('command-timeout', `${summary}: not done after ${run.timedOut / 1000} s`, { host, details }))
  }
  const end = output.exitCode === null ? `ended by ${output.signal ?? 'an unknown cause'}` : `exit code ${output.exitCode}`
  const hint = output.exitCode === 127 ? 'a command is not installed on the host, or not on its PATH' : undefined
  return (run.failure = new TaskError('command-failed', `${summary}: ${end}`, { host, details, hint, cause }))
}

/** A command as messages show it: its first line. */
export function firstLine(command: unknown): string {
  const [first = '', ...rest] = String(command).trim().split('\n')
  return rest.length > 0 ? `${first.trimEnd()} …` : first
}

function checkArgument(value: unknown, index: number, host: string): unknown {
  if (Array.isArray(value)) return value.map((item) => checkArgument(item, index, host))
  if (value instanceof Promise && !runs.has(value as ProcessPromise)) return value.then((item: unknown) => checkArgument(item, index, host))
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value
  if (typeof value === 'object' && value !== null && ('stdout' in value || value.toString !== Object.prototype.toString)) return value
  const kind = value === null ? 'null' : typeof value
  throw new InputError('command-value', `value ${index + 1} of the command is ${kind === 'object' ? 'an object' : kind}, which is no text`, { host })
}

/** zx's durations: a number of milliseconds, `'500ms'`, `'5s'`, `'2m'`. */
function milliseconds(duration: unknown): number {
  if (typeof duration === 'number' && duration >= 0) return duration
  const [, amount, unit] = /^(\d+)(ms|s|m)?$/.exec(String(duration)) ?? []
  if (amount === undefined) throw new InputError('command-timeout', `not a duration: ${String(duration)}`, { hint: "write a number of milliseconds, '500ms', '5s' or '2m'" })
  return Number(amount) * (unit === 's' ? 1_000 : unit === 'm' ? 60_000 : 1)
}
