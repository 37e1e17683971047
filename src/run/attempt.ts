/** One task on one host: its attempts, its time, and what came of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { FarmError, InterruptedError, TaskError, UnreachableError } from '../errors.ts'
import type { EventBody } from '../events.ts'
import { toFailure } from '../failure.ts'
import { notBoolean, Skipped, type Condition, type Task, type TaskContext, type TaskResult } from '../recipe/index.ts'

/** Milliseconds for a task to end after it was told to; then it is left behind. */
const GRACE = 10_000

/** What an attempt works with. */
export interface AttemptOptions {
  readonly host: string
  readonly signal: AbortSignal
  /** A context for one attempt, and whether anything was changed through it. */
  context(signal: AbortSignal): { readonly context: TaskContext; changed(): boolean }
  emit(event: EventBody): void
}

/** How a task ended, with what was thrown. */
export interface Ended extends TaskResult {
  readonly message: string | undefined
  readonly error: unknown
}

/** Runs a task until it succeeds, its `until` holds, or its attempts are used up. Never throws. */
export async function attempt(task: Task, options: AttemptOptions): Promise<Ended> {
  const { retries, until, delay = 5 } = task.options
  const attempts = retries === undefined ? (until === undefined ? 1 : 3) : Math.max(0, retries) + 1
  let changed = false
  for (let number = 1; ; number += 1) {
    const last = await once(task, options, number)
    // What an attempt changed stays changed, also when a later one finds nothing left to do.
    changed ||= last.changed
    const ended: Ended = { ...last, changed, outcome: last.outcome === 'ok' && changed ? 'changed' : last.outcome }
    const reason = until === undefined || ended.skipped ? undefined : await unmet(task, ended, options)
    if (reason === undefined && (!ended.failed || until !== undefined)) return ended
    const again = number < attempts && !ended.skipped && !options.signal.aborted && !(ended.error instanceof UnreachableError)
    if (!again) return reason === undefined || ended.failed ? ended : { ...ended, ...failed(reason.error, task, options), attempts: number, changed }
    options.emit({ type: 'retry', host: options.host, task: task.name, attempt: number, attempts, delay, message: ended.message ?? reason?.error.message ?? '' })
    await sleep(delay * 1000, undefined, { signal: options.signal }).catch(() => undefined)
  }
}

/** Why `until` does not hold, or undefined when it does. */
async function unmet(task: Task, ended: Ended, options: AttemptOptions): Promise<{ readonly error: Error } | undefined> {
  try {
    const { context } = options.context(options.signal)
    const holds: unknown = await task.options.until?.(ended, context)
    if (typeof holds !== 'boolean') return { error: notBoolean(task.name, holds) }
    return holds ? undefined : { error: new TaskError('until', `what "${task.name}" waits for did not come about${ended.attempts > 1 ? ` in ${ended.attempts} attempts` : ''}`, { host: options.host }) }
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }
}

async function once(task: Task, options: AttemptOptions, attempts: number): Promise<Ended> {
  const { timeout } = task.options
  const late = timeout === undefined ? undefined : new AbortController()
  const timer = late && setTimeout(() => late.abort(new TaskError('task-timeout', `"${task.name}" was not done after ${timeout} s`, { host: options.host })), (timeout ?? 0) * 1000)
  const signal = late === undefined ? options.signal : AbortSignal.any([options.signal, late.signal])
  const { context, changed } = options.context(signal)
  try {
    signal.throwIfAborted()
    const value = await orAbandoned(task.run(context), signal)
    return { outcome: changed() ? 'changed' : 'ok', changed: changed(), failed: false, skipped: false, value, attempts, failure: undefined, message: undefined, error: undefined }
  } catch (thrown) {
    if (thrown instanceof Skipped) return { outcome: 'skipped', changed: false, failed: false, skipped: true, value: undefined, attempts, failure: undefined, message: thrown.message, error: undefined }
    return { ...failed(thrown, task, options), changed: changed(), attempts }
  } finally {
    clearTimeout(timer)
  }
}

/** A task ends by itself when its signal is aborted, since its commands do; one that does not is not waited for. */
function orAbandoned<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const aborted = (): void => void (timer = setTimeout(() => reject(signal.reason as Error), GRACE))
    const over = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
    signal.addEventListener('abort', aborted)
    work.then(
      (value) => { over(); resolve(value) },
      (error: unknown) => { over(); reject(error as Error) },
    )
  })
}

function failed(thrown: unknown, task: Task, { host, signal }: AttemptOptions): Ended {
  const reason: unknown = signal.aborted ? signal.reason : undefined
  const error = signal.aborted && !(thrown instanceof InterruptedError) ? new InterruptedError('interrupted', { host, step: task.name, ...(reason instanceof FarmError && { cause: reason }) }) : thrown
  const failure = toFailure(error, host, task.name)
  return { outcome: error instanceof UnreachableError ? 'unreachable' : 'failed', changed: false, failed: true, skipped: false, value: undefined, attempts: 1, failure, message: failure.message, error }
}

/** Why a task is not to be run, or undefined when all its conditions hold. @throws InputError for a condition that is no boolean. */
export async function conditionUnmet(name: string, when: readonly Condition<unknown>[], context: TaskContext): Promise<string | undefined> {
  for (const condition of when) {
    const holds: unknown = await condition(context)
    if (typeof holds !== 'boolean') throw notBoolean(name, holds)
    if (!holds) return 'its condition does not hold'
  }
  return undefined
}
