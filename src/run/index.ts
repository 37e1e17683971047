/**
 * Recipes over hosts. Start here, then plan.ts (what would be done), host-run.ts (one recipe on one host), attempt.ts (one task).
 */
import { hostname, userInfo } from 'node:os'
import { FarmError, InputError } from '../errors.ts'
import type { EventBody, Recap } from '../events.ts'
import { exitCodeOf, overallExitCode, toFailure } from '../failure.ts'
import { packaged } from '../paths.ts'
import type { Recipe } from '../recipe/index.ts'
import { didYouMean, nearest } from '../suggest.ts'
import { Batch } from './batch.ts'
import { batchesOf } from './batches.ts'
import { leaves, nameOf, type Compiled } from './compile.ts'
import { conclude } from './conclude.ts'
import { Connections } from './connections.ts'
import type { HostRunOptions, HostRunResult } from './host-options.ts'
import { HostRun } from './host-run.ts'
import { RunLimit } from './limit.ts'
import { Locks } from './locks.ts'
import { Semaphore } from './pace.ts'
import { checkHosts, compileAll, type BadHost } from './plan.ts'
import { Memories, Shared } from './shared.ts'
import type { RunOptions } from './types.ts'
import { RunVariables } from './variables.ts'

export { planRun } from './plan.ts'
export type { Plan, PlannedStage, PlannedTask, PlanOptions, RunOptions } from './types.ts'

/**
 * Runs recipes one after another. Resolves with the exit code; everything that happens on hosts, failures too, has gone to the sink.
 * @throws UsageError, InputError when tags, tasks, handlers or patterns are wrong: before anything has happened.
 */
export async function runRecipes(options: RunOptions): Promise<number> {
  const compiled = compileAll(options)
  const limit = new RunLimit(options)
  const planned = compiled.map(({ recipe }, index) => limit.hostsOf(recipe, index === 0))
  return new Run(options, compiled, limit).run(planned)
}

/** Hosts with their variables, checked against a recipe's schema. */
type Ready = ReadonlyMap<string, Readonly<Record<string, unknown>>>

/** What the batches of a recipe have in common. */
type Common = Omit<HostRunOptions, 'batch' | 'connections'>

/** What stays the same from recipe to recipe of a run, and what adds up. */
class Run {
  readonly #options: RunOptions
  readonly #compiled: readonly Compiled[]
  readonly #limit: RunLimit
  readonly #variables: RunVariables
  readonly #shared = new Shared()
  readonly #started = performance.now()
  readonly #recap: Record<string, Recap> = {}
  readonly #undone: Record<string, readonly string[]> = {}
  readonly #codes = new Set<number>()
  readonly #failed = new Set<string>()
  /** Whether anything was, or would be, changed; also by a task that failed in the end. */
  #changed = false
  /** Hosts in the order of the inventory, which is not that in which they end. */
  #order: readonly string[] = []

  constructor(options: RunOptions, compiled: readonly Compiled[], limit: RunLimit) {
    this.#options = options
    this.#compiled = compiled
    this.#limit = limit
    this.#variables = new RunVariables(options.inventory, options.defaults, options.extraVars)
  }

  async run(planned: readonly (readonly string[])[]): Promise<number> {
    const { name, run, check } = this.#options
    const hosts = [...new Set(planned.flat())]
    this.#order = hosts
    this.#emit({ type: 'run-start', version: 1, run, recipe: name, hosts, tasks: this.#compiled.flatMap(plannedNames), check })
    const checked = []
    for (const [index, { recipe }] of this.#compiled.entries()) checked.push(await checkHosts(recipe, planned[index] ?? [], this.#variables, this.#hasTerminal))
    // What a later recipe misses may be set by an earlier one: it is checked again when it is its turn.
    const bad = checked.flatMap((one, index) => (index === 0 ? one.bad : one.bad.filter(({ error }) => !isMissing(error))))
    if (bad.length > 0) {
      this.#refused(bad)
      return this.#end()
    }
    for (const message of strangers(this.#options)) this.#emit({ type: 'note', level: 'warning', message })
    try {
      for (const [index, compiled] of this.#compiled.entries()) if (!(await this.#recipe(compiled, index === 0, checked[index]?.ready ?? new Map()))) break
    } catch (error) {
      this.#codes.add(exitCodeOf(error))
      this.#emit({ type: 'failure', failure: toFailure(error) })
    }
    return this.#end()
  }

  get #hasTerminal(): boolean {
    return this.#options.lendTerminal !== undefined
  }

  /** Runs one recipe; false when nothing may follow. */
  async #recipe(compiled: Compiled, first: boolean, checked: Ready): Promise<boolean> {
    const { recipe } = compiled
    const hosts = this.#limit.hostsOf(recipe, first).filter((host) => !this.#failed.has(host))
    // By now they could have come to be.
    const strangers = first || recipe.addsHosts ? [] : this.#limit.strangers()
    for (const name of strangers) this.#emit({ type: 'note', level: 'warning', message: `--limit: no host and no group is called ${name}` })
    if (hosts.length === 0) {
      // Nothing was done of what was asked for; where something failed, that is why.
      if (strangers.length > 0 && this.#codes.size === 0) throw new InputError('no-hosts', `the limit ${JSON.stringify(this.#options.limit)} leaves none of the hosts ${JSON.stringify(recipe.hosts)}`, { hint: didYouMean(strangers[0] ?? '', this.#options.inventory.hosts) })
      const limit = this.#options.limit === undefined ? '' : ` within --limit ${this.#options.limit}`
      // Without it there is nothing for those that follow either: that must not pass for a success.
      if (recipe.addsHosts && this.#failed.size === 0) throw new InputError('no-hosts', `no host matches ${JSON.stringify(recipe.hosts)}${limit}`, { hint: 'name an inventory with -i, or give that group hosts in the one that was read' })
      const why = this.#failed.size > 0 ? `no host is left on which "${recipe.description}" could run` : `"${recipe.description}" is left out: no host matches "${recipe.hosts}"${limit}`
      this.#emit({ type: 'note', level: 'warning', message: why })
      return true
    }
    // Hosts and variables that came to be since the run began are checked now.
    const { ready, bad } = first ? { ready: checked, bad: [] } : await checkHosts(recipe, hosts, this.#variables, this.#hasTerminal)
    if (bad.length > 0) {
      this.#refused(bad)
      return false
    }
    const { signal, projectDir, check } = this.#options
    const common = {
      recipeName: this.#options.name, compiled, inventory: this.#options.inventory, limit: this.#limit, variables: this.#variables, locks: new Locks(), shared: this.#shared, memories: new Memories(),
      lendTerminal: this.#options.lendTerminal, check, forceHandlers: this.#options.forceHandlers, owner: `${userName()}@${hostname()}`, projectDir, templateDirs: [`${projectDir}/templates`, packaged('templates')], signal,
      again: this.#options.again ?? ((command: string) => `farm ${command}`),
      emit: (event: EventBody) => this.#emit(event),
    }
    const ended = new Map<string, HostRunResult>()
    const goesOn = await this.#batches(common, hosts, ready, ended)
    await conclude(common, hosts.map((name) => ({ name, ended: ended.get(name), vars: ready.get(name) ?? {} })), plannedNames(compiled), (error) => {
      this.#codes.add(exitCodeOf(error))
      this.#emit({ type: 'failure', failure: toFailure(error) })
    })
    return goesOn
  }

  /** Runs a recipe on its hosts, batch after batch; false when nothing may follow. */
  async #batches(common: Common, hosts: readonly string[], ready: Ready, ended: Map<string, HostRunResult>): Promise<boolean> {
    const { recipe } = common.compiled
    const batches = batchesOf(hosts, recipe.serial)
    const tasks = plannedNames(common.compiled)
    for (const [number, batch] of batches.entries()) {
      const part = batches.length > 1 ? `, batch ${number + 1} of ${batches.length}` : ''
      if (part !== '' || this.#compiled.length > 1) this.#emit({ type: 'stage', title: recipe.description + part, hosts: batch, tasks })
      if (!(await this.#batch(common, batch, ready, ended))) {
        for (const host of batches.slice(number + 1).flat()) this.#undone[host] = tasks
        return false
      }
    }
    return true
  }

  /** Runs one batch of hosts; false when nothing may follow it. */
  async #batch(common: Common, hosts: readonly string[], ready: Ready, ended: Map<string, HostRunResult>): Promise<boolean> {
    const { signal, forks } = this.#options
    const { recipe } = common.compiled
    const batch = new Batch(recipe, hosts, forks)
    const options = { ...common, batch, connections: new Connections(this.#variables) }
    const open = (): void => batch.lockStep?.open()
    signal.addEventListener('abort', open)
    try {
      // In lock-step all hosts are under way, and the batch sees to it that no more than `forks` work.
      const room = new Semaphore(recipe.strategy === 'free' ? forks : Infinity)
      await Promise.all(hosts.map((host) => room.with(async () => {
        const result = await new HostRun(host, ready.get(host) ?? {}, options).run()
        ended.set(host, result)
        this.#add(host, result)
      })))
    } finally {
      signal.removeEventListener('abort', open)
    }
    if (batch.stopped !== undefined) this.#emit({ type: 'note', level: 'warning', message: `the run ends here: ${batch.stopped}` })
    return batch.stopped === undefined && !signal.aborted && batch.left.length > 0
  }

  #add(host: string, { recap, codes, failed, undone }: HostRunResult): void {
    const before = this.#recap[host] ?? { ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0, rescued: 0, ignored: 0 }
    this.#recap[host] = Object.fromEntries(Object.entries(before).map(([outcome, count]) => [outcome, count + recap[outcome as keyof Recap]])) as unknown as Recap
    for (const code of codes) this.#codes.add(code)
    if (failed) this.#failed.add(host)
    if (undone.length > 0) this.#undone[host] = undone
  }

  #refused(bad: readonly BadHost[]): void {
    for (const { error, host } of bad) {
      this.#emit({ type: 'failure', failure: toFailure(error, host) })
      this.#codes.add(exitCodeOf(error))
    }
  }

  #end(): number {
    const { check, signal } = this.#options
    const exitCode = overallExitCode(this.#codes, { check, changed: this.#changed, interrupted: signal })
    this.#emit({ type: 'run-end', recap: inOrder(this.#recap, this.#order), exitCode, seconds: (performance.now() - this.#started) / 1000, undone: inOrder(this.#undone, this.#order) })
    return exitCode
  }

  #emit(event: EventBody): void {
    if (event.type === 'change') this.#changed = true
    this.#options.sink({ time: Date.now(), ...event })
  }
}

/** Names of the tasks that a recipe is to run, rescues left out. */
function plannedNames({ nodes }: Compiled): string[] {
  return [...leaves(nodes, false)].filter((node) => node.chosen).map(nameOf)
}

/** The same record, its known keys first and in their order. */
function inOrder<Value>(record: Readonly<Record<string, Value>>, order: readonly string[]): Record<string, Value> {
  const known = order.filter((key) => Object.hasOwn(record, key))
  return Object.fromEntries([...new Set([...known, ...Object.keys(record)])].map((key) => [key, record[key] as Value]))
}

/** True for variables that are not there at all, as opposed to those that are wrong. */
function isMissing(error: unknown): boolean {
  return error instanceof FarmError && (error.code === 'undefined-variable' || [error.message, ...error.details].some((line) => line.includes(': not set, expected ')))
}

/** Extra variables that no recipe knows although they look like one that it does: most likely mistyped. */
function strangers({ name, recipes, extraVars }: RunOptions): string[] {
  const known = recipes.flatMap((recipe: Recipe) => Object.keys(recipe.vars.shape))
  return extraVars.flatMap((layer) => Object.keys(layer.values)).filter((variable) => !known.includes(variable)).flatMap((variable) => {
    const near = nearest(variable, known)
    return near === undefined ? [] : [`${variable} is not a variable of ${name}; did you mean ${near}?`]
  })
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return process.env['USER'] ?? 'unknown'
  }
}
