/** A recipe over hosts: variables checked first, then every host on its own, as many at once as `forks` allows. */
import { hostname, userInfo } from 'node:os'
import { FarmError, InputError } from '../errors.ts'
import type { EventBody, EventSink, Recap } from '../events.ts'
import { becomeSpec, connect, hostSpec } from '../host/index.ts'
import type { Inventory } from '../inventory/index.ts'
import { CONNECTION_VARS } from '../machine/index.ts'
import { packaged } from '../paths.ts'
import type { Recipe } from '../recipe/index.ts'
import { nearest } from '../suggest.ts'
import { checkVars, Scope, type Layer } from '../vars/index.ts'
import { exitCodeOf, overallExitCode, toFailure } from '../failure.ts'
import { runOnHost, type HostRunResult } from './host-run.ts'

/** What `farm run` gives to the engine. */
export interface RunOptions {
  readonly name: string
  readonly recipe: Recipe
  readonly inventory: Inventory
  /** Names of the hosts, as the pattern and `--limit` left them. */
  readonly hosts: readonly string[]
  /** Layers of `--extra-vars`, lowest first. */
  readonly extraVars: readonly Layer[]
  readonly check: boolean
  /** How many hosts at once. */
  readonly forks: number
  readonly sink: EventSink
  readonly signal: AbortSignal
  /** The user's project, whose templates/ go before farm's. */
  readonly projectDir: string
  /** How the user calls farm again with the same inventory; `farm COMMAND` when left out. */
  readonly again?: ((command: string) => string) | undefined
}

/** Runs a recipe. Resolves with the exit code; everything that happened, failures too, has gone to the sink. */
export async function runRecipe(options: RunOptions): Promise<number> {
  const started = performance.now()
  const emit = (event: EventBody): void => options.sink({ time: Date.now(), ...event })
  const recap: Record<string, Recap> = {}
  const end = (codes: ReadonlySet<number>, changed: boolean): number => {
    const exitCode = overallExitCode(codes, { check: options.check, changed, interrupted: options.signal.aborted })
    emit({ type: 'run-end', recap, exitCode, seconds: (performance.now() - started) / 1000 })
    return exitCode
  }

  emit({ type: 'run-start', version: 1, recipe: options.name, hosts: options.hosts, tasks: options.recipe.tasks.map((task) => task.name), check: options.check })
  const { prepared, errors } = await prepare(options)
  if (errors.length > 0) {
    for (const { error, host } of errors) emit({ type: 'failure', failure: toFailure(error, host) })
    return end(new Set(errors.map(({ error }) => exitCodeOf(error))), false)
  }

  for (const message of strangers(options)) emit({ type: 'note', level: 'warning', message })
  const results: HostRunResult[] = []
  const owner = `${userName()}@${hostname()}`
  await eachLimited(prepared, options.forks, async ({ host, scope, vars }) => {
    const connectionVars = Object.fromEntries(CONNECTION_VARS.filter((name) => scope.has(name)).map((name) => [name, scope.get(name)]))
    const become = options.recipe.become ? (becomeSpec({ ansible_become: true, ...connectionVars }) ?? undefined) : undefined
    const result = await runOnHost({
      host,
      recipe: options.recipe,
      recipeName: options.name,
      vars,
      become,
      check: options.check,
      owner,
      templateDirs: [`${options.projectDir}/templates`, packaged('templates')],
      signal: options.signal,
      again: options.again ?? ((command) => `farm ${command}`),
      connect: () => connect(hostSpec(host, connectionVars), { signal: options.signal }),
      emit,
    })
    recap[host] = result.recap
    results.push(result)
  })
  return end(new Set(results.flatMap((result) => result.codes)), results.some((result) => result.changed))
}

/** Extra variables that the recipe does not know although they look like one that it does: most likely mistyped. */
function strangers({ name, recipe, extraVars }: RunOptions): string[] {
  const known = Object.keys(recipe.vars.shape)
  return extraVars.flatMap((layer) => Object.keys(layer.values)).filter((variable) => !known.includes(variable)).flatMap((variable) => {
    const near = nearest(variable, known)
    return near === undefined ? [] : [`${variable} is not a variable of ${name}; did you mean ${near}?`]
  })
}

interface Prepared {
  readonly host: string
  readonly scope: Scope
  readonly vars: Readonly<Record<string, unknown>>
}

/** Checks every host's variables before any host is touched. */
async function prepare(options: RunOptions): Promise<{ prepared: Prepared[]; errors: { error: unknown; host: string }[] }> {
  const prepared: Prepared[] = []
  const errors: { error: unknown; host: string }[] = []
  for (const host of options.hosts) {
    try {
      const scope = new Scope([...options.inventory.layers(host), ...options.extraVars])
      const vars = checkVars(options.recipe.vars, scope, host)
      await validate(options.recipe, vars, host, scope)
      prepared.push({ host, scope, vars })
    } catch (error) {
      errors.push({ error, host })
    }
  }
  return { prepared, errors }
}

/** Runs a recipe's own checks; a problem that begins with a variable's name is shown where that variable was set. */
async function validate(recipe: Recipe, vars: Readonly<Record<string, unknown>>, host: string, scope: Scope): Promise<void> {
  try {
    await recipe.validate?.(vars, host)
  } catch (error) {
    if (!(error instanceof FarmError) || error.location !== undefined) throw error
    const named = [error.message, ...error.details].map((line) => /^(\w+):? /.exec(line)?.[1]).find((name) => name !== undefined && name in recipe.vars.shape && scope.has(name))
    const location = named === undefined ? undefined : scope.origin(named)
    if (location === undefined) throw error
    throw new InputError(error.code, error.message, { host: error.host, hint: error.hint, details: error.details, location, cause: error })
  }
}

async function eachLimited<Item>(items: readonly Item[], limit: number, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items]
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, worker))
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return process.env['USER'] ?? 'unknown'
  }
}
