/**
 * `host.$` is zx's `$` with another engine: a command runs where the host is, values are quoted for any POSIX shell,
 * standard input is at its end unless input is given, and failures are farm's own errors.
 *
 * Three things differ from zx: `text()`, `json()` and `lines()` read standard output alone, `a.pipe(b)` fails when `a` does,
 * and what is not about an exit status (a lost connection, an interruption, a refused privilege) is thrown despite `nothrow`.
 *
 * zx keeps its settings in an async context; every call passes all that matters, so nothing global is read or written.
 */
import { zx, type Options, type ProcessPromise } from './zx.ts'
import { InputError } from '../errors.ts'
import { adopt, isCommand, type Settings } from './command.ts'
import { createStore, firstLine } from './output.ts'
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

export { firstLine }

/** Where the tools of administrators are. `su` keeps a user's PATH, in which dpkg then misses some of its own. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'].map((dir) => `case ":\${PATH-}:" in *:${dir}:*) ;; *) PATH=\${PATH:+$PATH:}${dir};; esac; `).join('')
/** Set before each command: predictable messages, all tools, and no carrying on after a failure or with a misspelt variable. */
const PREAMBLE = `LC_ALL=C.UTF-8; ${SBIN}export LC_ALL PATH; set -eu\n`
/** Linux takes no longer argument than 128 KiB; some of it goes to quoting. */
const LONGEST = 120_000
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
  const configured = zx({
    delimiter: /\r?\n/,
    ...settings,
    ...OURS,
    nothrow: settings.nothrow ?? false,
  })
  const values = args.map((arg, index) => checkArgument(arg, index, engine.host))
  const promise = withoutStack(() => configured(pieces, ...values))
  adopt(promise, {
    engine,
    settings,
    store: createStore(engine.keep),
    begin: (command) => begin(engine, settings, command),
    sibling: (more, others) => start(engine, { ...settings, input: undefined as never, nothrow: false, halt: true }, more, others),
    fed: settings.input !== undefined && settings.input !== '',
    open: false,
    piped: false,
    nothrow: settings.nothrow ?? false,
  })
  if (settings.halt !== true) promise.run()
  return promise
}

/** What zx would take from its own globals, or act on this machine with. */
const OURS: Settings = {
  input: undefined as never,
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
  halt: true,
}

/** zx notes for each command where in the program it stands, by means of a stack that is costly to print and that nobody here reads. */
function withoutStack<T>(work: () => T): T {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** Starts a command, or something that ends at once in the place of one that shall not run. */
function begin(engine: ShellEngine, settings: Settings, command: string): PendingProcess {
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

function checkArgument(value: unknown, index: number, host: string): unknown {
  if (Array.isArray(value)) return value.map((item) => checkArgument(item, index, host))
  if (value instanceof Promise && !isCommand(value)) return value.then((item: unknown) => checkArgument(item, index, host))
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value
  if (typeof value === 'object' && value !== null && ('stdout' in value || value.toString !== Object.prototype.toString)) return value
  const kind = value === null ? 'null' : typeof value
  throw new InputError('command-value', `value ${index + 1} of the command is ${kind === 'object' ? 'an object' : kind}, which is no text`, { host })
}
