/** What a run would do: recipes compiled, tags and patterns judged, variables checked. No host is touched. */
import { FarmError, InputError, UsageError } from '../errors.ts'
import type { Recipe } from '../recipe/index.ts'
import { didYouMean } from '../suggest.ts'
import { checkVars, type Scope } from '../vars/index.ts'
import { batchesOf } from './batches.ts'
import { compile, leaves, nameOf, type Compiled, type Node } from './compile.ts'
import { RunLimit } from './limit.ts'
import { SPECIAL_TAGS } from './tags.ts'
import type { Plan, PlanOptions, PlannedTask } from './types.ts'
import { RunVariables } from './variables.ts'

/** Hosts with variables that are not usable, and why. */
export interface BadHost {
  readonly host: string
  readonly error: unknown
}

/** Compiles the recipes, with tags and the first task chosen. @throws UsageError, InputError */
export function compileAll({ recipes, tags, skipTags, startAt, allowUnknownTags }: PlanOptions): Compiled[] {
  const choice = { only: tags, skip: skipTags }
  for (const { serial } of recipes) batchesOf(['any'], serial)
  const compiled = recipes.map((recipe) => compile(recipe, choice))
  const known = knownTags(compiled)
  const unknown = allowUnknownTags ? undefined : [...tags, ...skipTags].find((tag) => !known.includes(tag) && !SPECIAL_TAGS.includes(tag))
  if (unknown !== undefined) {
    throw new UsageError('unknown-tag', `no task has the tag "${unknown}"`, { hint: didYouMean(unknown, [...known, ...SPECIAL_TAGS]) ?? (known.length === 0 ? 'no task has any tag' : `known tags: ${known.join(', ')}`) })
  }
  if (startAt !== undefined) startWith(compiled, startAt)
  return compiled
}

/** All tags of all tasks, sorted, without the special ones. */
export function knownTags(compiled: readonly Compiled[]): string[] {
  // What an include brings is not known yet, but the tags that it gives are.
  const all = compiled.flatMap(({ nodes }) => [...leaves(nodes)].flatMap((node) => [...node.settings.tags, ...(node.kind === 'include' ? node.apply : [])]))
  return [...new Set(all)].filter((tag) => !SPECIAL_TAGS.includes(tag)).sort()
}

/** Leaves out all that comes before the first task of that name. */
function startWith(compiled: readonly Compiled[], startAt: string): void {
  const all = compiled.flatMap(({ nodes }) => [...leaves(nodes)])
  const glob = new RegExp(`^${startAt.replace(/[\\^$.+()[\]{}|]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 's')
  const start = all.findIndex((node) => nameOf(node) === startAt || glob.test(nameOf(node)))
  if (start < 0) throw new UsageError('unknown-task', `no task is called "${startAt}"`, { hint: didYouMean(startAt, all.map(nameOf)) ?? '`--list-tasks` shows all' })
  for (const node of all.slice(0, start)) node.chosen = false
}

/** Checks hosts' variables against a recipe. What is wrong is collected, so that all of it can be said at once. */
export async function checkHosts(recipe: Recipe, hosts: readonly string[], variables: RunVariables, hasTerminal: boolean): Promise<{ readonly ready: Map<string, Readonly<Record<string, unknown>>>; readonly bad: readonly BadHost[] }> {
  const ready = new Map<string, Readonly<Record<string, unknown>>>()
  const bad: BadHost[] = []
  for (const host of hosts) {
    try {
      const scope = variables.scope(host)
      const vars = checkVars(recipe.vars, scope, host)
      await validate(recipe, vars, host, scope)
      if (!hasTerminal && recipe.interactive?.(vars) === true) throw new UsageError('no-terminal', `"${recipe.description}" opens a shell on ${host}, which needs a terminal`, { host, hint: 'standard input and standard output have to be a terminal; leave out what asks for the shell' })
      ready.set(host, vars)
    } catch (error) {
      bad.push({ host, error })
    }
  }
  return { ready, bad }
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

/**
 * What a run with these options would do.
 * @throws UsageError for tags and tasks that are not there; InputError for patterns, and for the first host whose variables are not usable.
 */
export async function planRun(options: PlanOptions): Promise<Plan> {
  const compiled = compileAll(options)
  const variables = new RunVariables(options.inventory, options.defaults, options.extraVars)
  const limit = new RunLimit(options)
  const stages = []
  for (const [index, { recipe, nodes, handlers }] of compiled.entries()) {
    const hosts = limit.hostsOf(recipe, index === 0)
    const { bad } = await checkHosts(recipe, hosts, variables, true)
    if (bad[0] !== undefined) throw bad[0].error
    stages.push({ title: compiled.length === 1 ? options.name : recipe.description, hosts, tasks: [...listed(nodes, 0), ...handlers.map(({ task, settings }) => ({ name: task.name, tags: [...settings.tags].sort(), depth: 0, handler: true }))] })
  }
  return { stages, tags: knownTags(compiled) }
}

function* listed(nodes: readonly Node[], depth: number): Generator<PlannedTask> {
  for (const node of nodes) {
    if (node.kind === 'block') for (const part of [node.tasks, node.rescue ?? [], node.always]) yield* listed(part, depth + 1)
    else if (node.kind !== 'flush' && node.chosen) yield { name: nameOf(node), tags: [...node.settings.tags].sort(), depth, handler: false }
  }
}
