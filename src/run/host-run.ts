/** One recipe on one host: its tasks in order, each with its outcome. */
import { InterruptedError, UnreachableError } from '../errors.ts'
import type { EventBody, Outcome, Recap } from '../events.ts'
import { bindHost, type Become, type Connection, type Recorder } from '../host/index.ts'
import { Hypervisor, lockHost, type HypervisorMemory } from '../hypervisor/index.ts'
import { Skipped, type Recipe, type Task, type TaskContext } from '../recipe/index.ts'
import { exitCodeOf, toFailure } from '../failure.ts'

/** What running a recipe on a host needs. */
export interface HostRunOptions {
  readonly host: string
  readonly recipe: Recipe
  readonly recipeName: string
  readonly vars: Readonly<Record<string, unknown>>
  readonly become: Become | undefined
  readonly check: boolean
  readonly owner: string
  readonly templateDirs: readonly string[]
  readonly signal: AbortSignal
  again(command: string): string
  connect(): Promise<Connection>
  emit(event: EventBody): void
}

/** How a host's run ended: its counts, and the exit codes that its failures ask for. */
export interface HostRunResult {
  readonly recap: Recap
  readonly codes: readonly number[]
  readonly changed: boolean
}

/** Runs a recipe's tasks on one host. Never throws: what goes wrong is in the events and in the result. */
export async function runOnHost(options: HostRunOptions): Promise<HostRunResult> {
  const counts = { ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0 }
  const codes: number[] = []
  const memory: HypervisorMemory = { facts: new Map(), domains: {} }
  const uri = String(options.vars['libvirt_uri'] ?? 'qemu:///system')

  const step = async (task: Task, connection: Connection): Promise<boolean> => {
    const outcome = await runTask(task, connection)
    counts[outcome] += 1
    return outcome !== 'failed' && outcome !== 'unreachable'
  }

  const runTask = async (task: Task, connection: Connection): Promise<Outcome> => {
    const started = performance.now()
    const at = { host: options.host, task: task.name }
    let changed = false
    const recorder: Recorder = {
      check: options.check,
      changed(change, applied) {
        changed = true
        options.emit({ type: 'change', ...at, change, applied })
      },
      output: (stream, line) => options.emit({ type: 'output', ...at, stream, line }),
    }
    const host = bindHost(connection, { name: options.host, recorder, signal: options.signal, ...(options.become && { become: options.become }) })
    const context: TaskContext = {
      host,
      hypervisor: new Hypervisor(host, uri, memory),
      vars: options.vars,
      check: options.check,
      signal: options.signal,
      templateDirs: options.templateDirs,
      owner: options.owner,
      again: options.again,
      note: (level, message) => options.emit({ type: 'note', level, message, ...at }),
      progress: (message) => options.emit({ type: 'progress', ...at, message }),
      rung: (machine, rung, seconds, detail) => options.emit({ type: 'rung', ...at, machine, rung, seconds, detail }),
      result: (lines, data) => options.emit({ type: 'result', host: options.host, lines, data }),
      skip(reason) {
        throw new Skipped(reason)
      },
    }
    options.emit({ type: 'task-start', ...at })
    const seconds = (): number => (performance.now() - started) / 1000
    try {
      options.signal.throwIfAborted()
      await task.run(context)
    } catch (thrown) {
      if (thrown instanceof Skipped) {
        options.emit({ type: 'task-end', ...at, outcome: 'skipped', seconds: seconds(), message: thrown.message })
        return 'skipped'
      }
      const error = options.signal.aborted ? new InterruptedError('interrupted', { host: options.host, step: task.name }) : thrown
      const outcome = error instanceof UnreachableError ? 'unreachable' : 'failed'
      codes.push(exitCodeOf(error))
      const failure = toFailure(error, options.host, task.name)
      options.emit({ type: 'task-end', ...at, outcome, seconds: seconds(), message: failure.message, failure })
      return outcome
    }
    const outcome = changed ? 'changed' : 'ok'
    options.emit({ type: 'task-end', ...at, outcome, seconds: seconds() })
    return outcome
  }

  const reach = async (): Promise<Connection | undefined> => {
    try {
      options.signal.throwIfAborted()
      return await options.connect()
    } catch (error) {
      codes.push(exitCodeOf(error))
      const failure = toFailure(error, options.host, 'connect')
      const outcome = error instanceof UnreachableError ? 'unreachable' : 'failed'
      counts[outcome] += 1
      options.emit({ type: 'task-start', host: options.host, task: 'connect' })
      options.emit({ type: 'task-end', host: options.host, task: 'connect', outcome, seconds: 0, message: failure.message, failure })
      return undefined
    }
  }

  const connection = await reach()
  if (connection !== undefined) {
    await using _connection = connection
    const lockTask: Task = { name: 'lock the host', run: async ({ host }) => { locks.push(await lockHost(host, `${options.owner} (pid ${process.pid}) since ${new Date().toISOString().slice(0, 19)}Z, farm run ${options.recipeName}`)) } }
    const locks: AsyncDisposable[] = []
    try {
      let going = options.check || (await step(lockTask, connection))
      for (const task of options.recipe.tasks as readonly Task[]) if (going) going = await step(task, connection)
    } finally {
      for (const lock of locks) await lock[Symbol.asyncDispose]()
    }
  }
  return { recap: counts, codes, changed: counts.changed > 0 }
}
