/** Starting commands for the lab: captured output, no shell in between, nothing left behind when the test process dies. */
import { spawn, type ChildProcess } from 'node:child_process'

/** How a command ended. */
export interface Result {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Written to standard input, which is then closed. */
  readonly input?: string
  /** Milliseconds after which the command is killed and the promise rejects; 120 000 unless told otherwise. */
  readonly timeout?: number
}

/** Runs a command to its end, whatever its exit code. Rejects only when it cannot be started or takes too long. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  return finished(start(argv, options), argv, options)
}

/** As {@link run}, but anything else than exit code 0 is an error that quotes what the command wrote. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(argv, options)
  if (code === 0) return stdout
  throw new Error(`${argv.join(' ')} ended with ${signal ?? code}\n${stdout}${stderr}`)
}

/** Starts a command with piped standard streams. */
export function start(argv: readonly string[], { cwd, env }: Pick<RunOptions, 'cwd' | 'env'> = {}): ChildProcess {
  const [file, ...args] = argv
  if (file === undefined) throw new Error('no command')
  return spawn(file, args, { cwd, env, stdio: 'pipe' })
}

/** Collects the output of a started command until it ends. */
export function finished(child: ChildProcess, argv: readonly string[], { input, timeout = 120_000 }: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) child[name]?.setEncoding('utf8').on('data', (text: string) => void (out[name] += text))
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, timeout)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (late) reject(new Error(`${argv.join(' ')} did not end within ${timeout} ms\n${out.stdout}${out.stderr}`))
      else resolve({ code, signal, ...out })
    })
    // A command that does not read its input may be gone before all of it is written.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

/** Asks `check` again and again until it gives something other than undefined; the error names what was awaited. */
export async function until<T>(what: string, check: () => Promise<T | undefined>, timeout = 30_000): Promise<T> {
  const deadline = Date.now() + timeout
  for (;;) {
    const value = await check()
    if (value !== undefined) return value
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeout} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
