/**
 * From argv to an exit code. Finds the command, reads its options, runs it, and tells people of errors;
 * what commands do stands in commands/, what they ask of the layers below in engine.ts.
 */
import { EXIT, FarmError, InterruptedError, TaskError, UsageError } from '../errors.ts'
import { interruptedExitCode, toFailure } from '../failure.ts'
import { formatFailure, wantsColour } from '../report/index.ts'
import { mask, masked } from '../secrets.ts'
import { parseArgv } from './argv.ts'
import type { Command, CommandContext, Io } from './command.ts'
import { loadCommand } from './commands.ts'
import { layers, type Engine } from './engine.ts'
import { GLOBAL_OPTIONS } from './options.ts'
import { listenForInterruption } from './signals.ts'

/** Runs farm as a process: streams and signals are the process's own. Resolves with the exit code; never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  const { stdin, stdout, stderr, env } = process
  quietBrokenPipe(stdout)
  quietBrokenPipe(stderr)
  const interrupted = { say: (line: string): void => { stderr.write(`farm: ${line}\n`) } }
  using interruption = listenForInterruption((line) => { interrupted.say(line) })
  const io: Io = { stdin, stdout, stderr, env, signal: interruption.signal, interrupted }
  // What is thrown beside all promises (a socket's event without a listener) would end with a stack and nothing else.
  process.on('uncaughtException', (error) => {
    tell(error, argv, io)
    process.exit(EXIT.unexpected)
  })
  // A recipe that forgets an `await` must not take the other hosts' work down with it: that is ended in order.
  let forgotten = false
  process.on('unhandledRejection', (reason) => {
    if (!forgotten) tell(forgottenError(reason), argv, io)
    forgotten = true
    interruption.end(new InterruptedError('the run is ended: something failed that nobody waited for'))
  })
  // Awaited here: the signal handlers go when this function ends.
  const code = await runFarm(argv, io)
  return forgotten ? EXIT.taskFailed : code
}

function forgottenError(reason: unknown): TaskError {
  const [first = ''] = (reason instanceof Error ? reason.message : String(reason)).trim().split('\n')
  const code = typeof reason === 'object' && reason !== null && 'exitCode' in reason && typeof reason.exitCode === 'number' && !(reason instanceof FarmError) ? `exit code ${reason.exitCode}` : first
  return new TaskError('forgotten', `something failed that nobody waited for${code === '' ? '' : `: ${code}`}`, { hint: 'an `await` is missing in a task; the run is ended', cause: reason })
}

/** Runs farm with the given world around it. Resolves with the exit code; never rejects. */
export async function runFarm(argv: readonly string[], io: Io, engine: Engine = layers): Promise<number> {
  try {
    return await dispatch(argv, io, engine)
  } catch (thrown) {
    const reason: unknown = io.signal.reason
    const error = io.signal.aborted && !(thrown instanceof FarmError) ? (reason instanceof InterruptedError ? reason : new InterruptedError()) : thrown
    tell(error, argv, io)
    if (error instanceof InterruptedError) return interruptedExitCode(io.signal) ?? error.exitCode
    return error instanceof FarmError ? error.exitCode : EXIT.unexpected
  }
}

async function dispatch(argv: readonly string[], io: Io, engine: Engine): Promise<number> {
  // What stands before the command's name can only be for farm itself.
  const { options, words, rest = [] } = parseArgv(argv, { ...GLOBAL_OPTIONS, version: { kind: 'flag', help: 'show the version' } }, 1)
  const named = options.version ? 'version' : options.help ? 'help' : (words[0] ?? 'help')
  const command = await loadCommand(named, () => engine.recipeNames())
  const given = options.help && words[0] !== undefined ? [words[0]] : rest
  const more = (await command.moreOptions?.(given, engine)) ?? {}
  const parsed = parseArgv(given, { ...more, ...GLOBAL_OPTIONS, ...command.options }, command.ownWords)
  if (parsed.options.help) return showHelp({ ...command, options: { ...command.options, ...more } }, io)
  checkWords(command, parsed.words, parsed.rest)
  const print = (...lines: readonly string[]): void => { io.stdout.write(lines.map((line) => `${mask(line)}\n`).join('')) }
  const context = {
    options: { ...parsed.options, verbose: Math.max(parsed.options.verbose + options.verbose, isDebugging(io) ? 2 : 0) },
    words: parsed.words,
    rest: parsed.rest,
    argv,
    io,
    engine,
    print,
    printJson: (value: unknown) => { print(JSON.stringify(masked(value), null, 2)) },
  }
  // Why: TypeScript cannot see that `parsed` came from the command's own table.
  const code = await command.run(context as unknown as CommandContext)
  // Nobody named a command: the overview is an answer, but not to what was asked for.
  return argv.length === 0 ? EXIT.usage : code
}

async function showHelp(command: Command, io: Io): Promise<number> {
  const { commandHelp } = await import('./help.ts')
  io.stdout.write(`${commandHelp(command, wantsColour(io.env, io.stdout)).join('\n')}\n`)
  return EXIT.done
}

function checkWords({ name, usage, words: bounds = [0, 0], emptyWords, ownWords, ownRest = false }: Command, words: readonly string[], rest: readonly string[] | undefined): void {
  const [least, most] = bounds
  const hint = `usage: farm ${name}${usage === '' ? '' : ` ${usage}`}`
  const extra = words[most] ?? (ownWords === undefined && !ownRest ? rest?.[0] : undefined)
  if (words.length < least) throw new UsageError('missing-word', `farm ${name} needs ${usage.replace(/^(\[\S*( \S+)?\]…? )*/u, '').split(' ')[0] ?? 'a name'}`, { hint })
  if (extra !== undefined) throw new UsageError('needless-word', `farm ${name} does not know what to do with "${extra}"`, { hint })
  if (words.includes('') && emptyWords !== true) throw new UsageError('empty-word', 'an argument is empty', { hint })
}

/** Tells people what went wrong. An unexpected error is a defect of farm: its stack is shown to those who ask for it. */
function tell(error: unknown, argv: readonly string[], io: Io): void {
  const colour = wantsColour(io.env, io.stderr)
  // What is wrong may be the arguments themselves: they are not parsed here.
  const verbose = argv.some((word) => /^-v{2,}$/u.test(word)) || argv.filter((word) => word === '-v' || word === '--verbose').length > 1
  io.stderr.write(`${formatFailure(masked(toFailure(error)), { colour, stack: verbose || isDebugging(io) }).join('\n')}\n`)
}

/** FARM_DEBUG is as good as `-vv`. */
function isDebugging({ env }: Io): boolean {
  return (env['FARM_DEBUG'] ?? '') !== ''
}

/** Nobody reads any more (`farm list | head -1` closes the pipe, a terminal hangs up): no error, and no reason to leave work half done. */
function quietBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'].includes(error.code ?? '')) throw error
  })
}
