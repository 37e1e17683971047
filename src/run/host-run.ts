/** One recipe on one host: its steps in order, with what blocks, handlers and failures make of that order. */
import { InterruptedError, TaskError, UnreachableError } from '../errors.ts'
import type { Failure, Outcome } from '../events.ts'
import { exitCodeOf, toFailure } from '../failure.ts'
import type { Facts } from '../host/index.ts'
import type { Notified, Task, TaskResult } from '../recipe/index.ts'
import { checkVars } from '../vars/index.ts'
import { afterwards, Broken, Halted, PLAIN, type Around, type Pardon } from './around.ts'
import { attempt, conditionUnmet, type Ended } from './attempt.ts'
import { AT_THE_END, compileIncluded, handlersFor, leaves, nameOf, type BlockNode, type IncludeNode, type Node, type Position, type TaskNode } from './compile.ts'
import { contextOf } from './context.ts'
import type { HostRunOptions, HostRunResult } from './host-options.ts'
import { Site } from './site.ts'

/** More rounds of handlers that notify each other than this are a circle. */
const ROUNDS = 100

/** The state of one host while a recipe runs on it. */
export class HostRun {
  readonly host: string
  readonly options: HostRunOptions
  readonly results = new Map<Task, TaskResult>()
  vars: Readonly<Record<string, unknown>>
  readonly #counts = { ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0, rescued: 0, ignored: 0 }
  readonly #codes: number[] = []
  #failure: Failure | undefined
  readonly #begun = new Set<TaskNode | IncludeNode>()
  readonly #notified = new Set<TaskNode>()
  readonly #site: Site
  #facts: Facts | undefined
  /** For what still runs after an interruption; a second one ends the process. */
  readonly #finishing = new AbortController()

  /** @param vars checked against the recipe's schema */
  constructor(host: string, vars: Readonly<Record<string, unknown>>, options: HostRunOptions) {
    this.host = host
    this.vars = vars
    this.options = options
    this.#site = new Site(host, options)
  }

  /** Runs the recipe. Never throws: what goes wrong is in the events and in the result. */
  async run(): Promise<HostRunResult> {
    const { compiled, batch } = this.options
    const started = performance.now()
    let broken: Error | undefined
    try {
      await this.#walk(compiled.nodes, PLAIN)
      await this.#flush(AT_THE_END, PLAIN)
    } catch (error) {
      broken = error as Error
      const force = compiled.recipe.forceHandlers || this.options.forceHandlers
      if (force && error instanceof Broken && error.gone === undefined) await this.#flush(AT_THE_END, { ...PLAIN, finishing: true }).catch(() => undefined)
    }
    batch.leave(this.host)
    await this.#site.close()
    if (broken !== undefined && !(broken instanceof Broken) && !(broken instanceof Halted)) this.#unexpected(broken)
    const undone = broken === undefined ? [] : [...leaves(compiled.nodes, false)].filter((node) => node.chosen && !this.#begun.has(node)).map(nameOf)
    const failed = broken !== undefined && !(broken instanceof Halted)
    return { recap: this.#counts, codes: this.#codes, failed, failure: this.#failure, undone, seconds: (performance.now() - started) / 1000, results: this.results, vars: this.vars }
  }

  /** Asks for a handler. */
  notify(notified: Notified): void {
    for (const node of handlersFor(this.options.compiled, notified)) this.#notified.add(node)
  }

  /** Closes the connection to a host: the next task that works there opens a new one. */
  disconnect(host: string): Promise<void> {
    return this.#site.disconnect(host)
  }

  /** Sets variables of the host, or of all hosts of the batch; the recipe's are checked anew. */
  set(values: Readonly<Record<string, unknown>>, forAll: boolean): void {
    const { variables, batch } = this.options
    for (const host of forAll ? batch.hosts : [this.host]) variables.set(host, values)
    this.#readVars()
  }

  /** Facts have been asked for: from now on they are a variable. */
  found(facts: Facts): void {
    if (this.#facts === facts) return
    this.#facts = facts
    this.set({ facts }, false)
  }

  #readVars(): void {
    const { variables, compiled } = this.options
    this.vars = checkVars(compiled.recipe.vars, variables.scope(this.host), this.host)
  }

  async #walk(nodes: readonly Node[], around: Around): Promise<void> {
    for (const node of nodes) {
      if (node.kind === 'task') await this.#task(node, around)
      else if (node.kind === 'block') await this.#block(node, around)
      else if (node.kind === 'flush') await this.#flush(node.position, around)
      else await this.#include(node, around)
    }
  }

  async #block({ tasks, rescue, always }: BlockNode, around: Around): Promise<void> {
    let error: unknown
    try {
      await this.#walk(tasks, { ...around, rescuable: around.rescuable || rescue !== undefined })
    } catch (thrown) {
      error = thrown
    }
    if (rescue !== undefined && error instanceof Broken && error.gone === undefined && !this.#mustStop(around)) {
      const { failure } = error
      error = undefined
      try {
        await this.#walk(rescue, { ...around, failure })
      } catch (thrown) {
        error = thrown
      }
    }
    if (always.length > 0) await this.#walk(always, { ...around, ...afterwards(around, error), finishing: around.finishing || this.#mustStop(around) })
    if (error !== undefined) throw error
  }

  async #include(node: IncludeNode, around: Around): Promise<void> {
    if (!node.chosen) return
    // Deciding is a task like any other: it may look at the host, fail, and be skipped.
    const decide: Task = { kind: 'task', name: node.include.name, options: {}, listen: [], run: (context) => Promise.resolve(node.include.steps(context)) }
    const here = await this.#task({ kind: 'task', task: decide, settings: { ...node.settings, notify: [] }, position: [...node.position, -1], handler: false, chosen: true }, around)
    this.#begun.add(node)
    const steps = this.results.get(decide)?.value as Parameters<typeof compileIncluded>[0] | undefined
    if (steps !== undefined && here) await this.#walk(compileIncluded(steps, node, this.options.compiled), around)
  }

  async #flush(at: Position, around: Around): Promise<void> {
    for (let round = 0; this.#notified.size > 0; round += 1) {
      if (round === ROUNDS) throw new TaskError('handler-circle', `handlers notify each other without end: ${[...this.#notified].map(nameOf).join(', ')}`, { host: this.host })
      for (const node of this.options.compiled.handlers) {
        if (this.#notified.delete(node)) await this.#task({ ...node, position: [...at, round, ...node.position] }, around)
      }
    }
  }

  /** Resolves with whether it ran here, and not on the one host that runs it for all. */
  async #task(node: TaskNode, around: Around): Promise<boolean> {
    if (!node.chosen || this.#isOutOfReach(node, around)) return false
    const { batch } = this.options
    const together = around.finishing ? undefined : await batch.lockStep?.arrive(this.host, node.position)
    if (this.#mustStop(around)) throw new Halted(batch.stopped ?? 'interrupted')
    const other = node.settings.runOnce ? await batch.once.turn(this.host, node.position, together) : undefined
    if (this.#mustStop(around)) throw new Halted(batch.stopped ?? 'interrupted')
    if (other !== undefined) {
      this.#begun.add(node)
      this.results.set(node.task, other.result)
      if (other.result.failed && !node.settings.ignoreErrors) throw this.#fail(node, other.result, around, undefined)
      // It may have set variables of all hosts.
      this.#readVars()
      return false
    }
    const { ended: result, pardon, at } = await batch.paced(node.task, async () => {
      // The wait for room may have been long.
      if (this.#mustStop(around)) throw new Halted(batch.stopped ?? 'interrupted')
      this.#begun.add(node)
      const done = await this.#execute(node, around)
      // At once, so that nobody who waits for room begins after it.
      if (done.ended.failed && done.pardon === undefined) batch.fail(this.host, node.settings.anyErrorsFatal)
      return done
    })
    this.results.set(node.task, result)
    if (node.settings.runOnce) batch.once.done(node.position, { host: this.host, result })
    this.#counts[pardon ?? result.outcome] += 1
    if (result.failed && pardon === undefined) this.#codes.push(exitCodeOf(result.error))
    if (result.failed && pardon !== 'ignored') throw this.#fail(node, result, around, at)
    if (result.changed && !result.failed) for (const notified of node.settings.notify) this.notify(notified)
    return true
  }

  /** Runs a task and tells of it. */
  async #execute(node: TaskNode, around: Around): Promise<{ readonly ended: Ended; readonly pardon: Pardon; readonly at: string }> {
    const { emit } = this.options
    const { task, settings } = node
    const started = performance.now()
    const signal = around.finishing ? this.#finishing.signal : this.options.signal
    const delegated = this.#delegate(node)
    const at = typeof delegated === 'string' ? delegated : this.host
    emit({ type: 'task-start', host: this.host, task: task.name, ...(node.handler && { handler: true }), ...(at !== this.host && { delegate: at }) })
    let ended: Ended
    try {
      if (delegated instanceof Error) throw delegated
      const connection = await this.#site.open(at, signal)
      const place = { at, connection, become: this.options.connections.become(at, settings.become), memory: this.options.memories.of(at), failure: around.failure, forAll: settings.runOnce }
      const context = (own: AbortSignal): ReturnType<typeof contextOf> => contextOf(this, task, { ...place, signal: own })
      const unmet = settings.when.length === 0 ? undefined : await conditionUnmet(task.name, settings.when, context(signal).context)
      ended = unmet === undefined ? await attempt(task, { host: this.host, signal, context, emit }) : { ...NOTHING, outcome: 'skipped', skipped: true, message: unmet }
    } catch (error) {
      const failure = toFailure(error, this.host, task.name)
      ended = { ...NOTHING, outcome: error instanceof UnreachableError ? 'unreachable' : 'failed', failed: true, failure, message: failure.message, error }
    }
    if (ended.outcome === 'unreachable') this.#site.drop(at)
    const pardon = this.#pardon(node, ended, around)
    emit({
      type: 'task-end', host: this.host, task: task.name, outcome: ended.outcome, seconds: (performance.now() - started) / 1000,
      ...(ended.message !== undefined && { message: ended.message }), ...(ended.failure && { failure: ended.failure }), ...(ended.attempts > 1 && { attempts: ended.attempts }), ...(pardon && { pardon }),
    })
    return { ended, pardon, at }
  }

  #pardon({ settings }: TaskNode, { outcome, error }: Ended, around: Around): Pardon {
    if (error instanceof InterruptedError) return undefined
    if (outcome === 'unreachable') return settings.ignoreUnreachable ? 'ignored' : undefined
    if (outcome !== 'failed') return undefined
    return settings.ignoreErrors ? 'ignored' : around.rescuable && !this.#mustStop(around) ? 'rescued' : undefined
  }

  /** The host is broken, unless a rescue follows. `at`: where this host's own run of the task worked; undefined when another's has failed. */
  #fail({ settings, task }: TaskNode, { failure = { code: 'failed', message: `"${task.name}" failed` }, outcome }: TaskResult, around: Around, at: string | undefined): Broken {
    const { batch } = this.options
    const own = at !== undefined
    const unreachable = outcome === 'unreachable'
    const rescued = around.rescuable && !unreachable && !this.#mustStop(around)
    if (!rescued && !own) batch.fail(this.host, settings.anyErrorsFatal)
    if (!rescued && !own) this.options.emit({ type: 'note', level: 'warning', host: this.host, message: `ends here: "${task.name}", which one host runs for all, has failed` })
    if (!rescued) this.#failure ??= failure
    return new Broken(failure, unreachable ? at : undefined)
  }

  #mustStop({ finishing }: Around): boolean {
    return !finishing && (this.options.signal.aborted || this.options.batch.stopped !== undefined)
  }

  /** True for what would have to be done on, or through, a host that has gone. */
  #isOutOfReach(node: TaskNode, { gone }: Around): boolean {
    if (gone.length === 0) return false
    const delegated = this.#delegate(node)
    if (delegated instanceof Error) return false
    return this.options.connections.way(delegated ?? this.host).some((host) => gone.includes(host))
  }

  #delegate({ settings }: TaskNode): string | undefined | Error {
    if (typeof settings.delegateTo !== 'function') return settings.delegateTo
    try {
      return settings.delegateTo({ vars: this.vars, variables: this.options.variables.of(this.host), hosts: this.options.batch.left, inventoryHost: this.host })
    } catch (error) {
      return error instanceof Error ? error : new TaskError('delegate', String(error))
    }
  }

  /** What no task is to blame for: a circle of handlers, a defect of farm's own. */
  #unexpected(error: Error): void {
    this.#counts.failed += 1
    this.#codes.push(exitCodeOf(error))
    this.options.batch.fail(this.host, false)
    const failure = toFailure(error, this.host)
    this.#failure ??= failure
    this.options.emit({ type: 'failure', failure })
  }
}

const NOTHING: Ended = { outcome: 'ok' satisfies Outcome, changed: false, failed: false, skipped: false, value: undefined, attempts: 1, failure: undefined, message: undefined, error: undefined }
