/** A recipe's steps with all that they inherit, chosen by tags, each with its place in the order. */
import { InputError } from '../errors.ts'
import type { Block, Condition, Include, Notified, Recipe, Step, StepOptions, Task } from '../recipe/index.ts'
import { checkStep } from '../recipe/index.ts'
import { didYouMean } from '../suggest.ts'
import { isChosen, type TagChoice } from './tags.ts'

/** What a task has of its own and of the blocks around it. */
export interface Settings {
  readonly tags: readonly string[]
  readonly when: readonly Condition<unknown>[]
  readonly notify: readonly Notified[]
  readonly become: StepOptions<unknown>['become']
  readonly delegateTo: StepOptions<unknown>['delegateTo']
  readonly ignoreErrors: boolean
  readonly ignoreUnreachable: boolean
  readonly anyErrorsFatal: boolean
  readonly runOnce: boolean
}

/** Where a node stands: compared number by number, the smaller comes first. */
export type Position = readonly number[]

export interface TaskNode {
  readonly kind: 'task'
  readonly task: Task
  readonly settings: Settings
  readonly position: Position
  readonly handler: boolean
  /** False for what tags or `--start-at-task` leave out. */
  chosen: boolean
}

export interface BlockNode {
  readonly kind: 'block'
  readonly name: string
  readonly tasks: readonly Node[]
  readonly rescue: readonly Node[] | undefined
  readonly always: readonly Node[]
}

export interface IncludeNode {
  readonly kind: 'include'
  readonly include: Include
  readonly settings: Settings
  /** What the blocks around it say: what is included inherits that, and of the include itself nothing but `apply`. */
  readonly outer: Settings
  /** Tags that it gives to what is in it. */
  readonly apply: readonly string[]
  readonly position: Position
  chosen: boolean
}

export interface FlushNode {
  readonly kind: 'flush'
  readonly position: Position
}

export type Node = TaskNode | BlockNode | IncludeNode | FlushNode

/** A recipe, ready to be walked. */
export interface Compiled {
  readonly recipe: Recipe
  readonly nodes: readonly Node[]
  /** In the order in which they run. */
  readonly handlers: readonly TaskNode[]
  readonly choice: TagChoice
}

/** Positions of the handlers that run at the end: behind everything. */
export const AT_THE_END: Position = [Number.MAX_SAFE_INTEGER]

/** @throws InputError `unknown-handler` for a notification that nothing listens to. */
export function compile(recipe: Recipe, choice: TagChoice): Compiled {
  const base: Settings = { tags: [recipe.tags].flat(), when: [], notify: [], become: recipe.become, delegateTo: undefined, ignoreErrors: false, ignoreUnreachable: recipe.ignoreUnreachable, anyErrorsFatal: recipe.anyErrorsFatal, runOnce: false }
  const nodes = compileSteps(recipe.tasks, base, choice, [])
  const found = [...leaves(nodes)].flatMap((node) => node.settings.notify)
  // A handler that is notified as a value need not be listed.
  const listed = [...new Set([...recipe.handlers, ...found.filter((notified) => typeof notified !== 'string')])]
  const handlers = listed.map((task, index): TaskNode => ({ kind: 'task', task: task as Task, settings: merge({ ...base, tags: [] }, task.options as StepOptions<unknown>), position: [index], handler: true, chosen: true }))
  const compiled = { recipe, nodes, handlers, choice }
  const named = [...found, ...handlers.flatMap((handler) => handler.settings.notify)].filter((notified) => typeof notified === 'string')
  for (const name of named) handlersFor(compiled, name)
  return compiled
}

/** The handlers that a notification means: itself, the first of that name, or all that listen to it. */
export function handlersFor({ handlers, recipe }: Compiled, notified: Notified): readonly TaskNode[] {
  if (typeof notified !== 'string') {
    const known = handlers.filter((node) => node.task === notified)
    if (known.length > 0) return known
    throw new InputError('unknown-handler', `the handler "${notified.name}" is notified while the recipe runs and is not one of its handlers`, { hint: 'name it in `handlers` of the recipe' })
  }
  const named = handlers.find((node) => node.task.name === notified)
  const all = handlers.filter((node) => node === named || node.task.listen.includes(notified))
  if (all.length > 0) return all
  const names = handlers.flatMap((node) => [node.task.name, ...node.task.listen])
  throw new InputError('unknown-handler', `no handler of "${recipe.description}" is called "${notified}" or listens to it`, { hint: didYouMean(notified, names) ?? 'name it in `handlers` of the recipe' })
}

/**
 * The steps of an include, which inherit what is around it save its tags.
 * @throws InputError for what is no step, and for notifications that nothing listens to: before the first of them runs.
 */
export function compileIncluded(steps: readonly Step[], { include, outer, apply, position }: IncludeNode, compiled: Compiled): Node[] {
  if (!Array.isArray(steps)) throw new InputError('recipe-step', `the include "${include.name}" needs a list of steps, got ${typeof steps}`)
  const nodes = compileSteps(steps, { ...outer, tags: apply }, compiled.choice, position)
  for (const node of leaves(nodes)) for (const notified of node.settings.notify) handlersFor(compiled, notified)
  return nodes
}

/** All tasks and includes, in order; those of rescues too. */
export function* leaves(nodes: readonly Node[], rescues = true): Generator<TaskNode | IncludeNode> {
  for (const node of nodes) {
    if (node.kind === 'task' || node.kind === 'include') yield node
    else if (node.kind === 'block') {
      yield* leaves(node.tasks, rescues)
      if (rescues) yield* leaves(node.rescue ?? [], rescues)
      yield* leaves(node.always, rescues)
    }
  }
}

/** The name of a task or include. */
export function nameOf(node: TaskNode | IncludeNode): string {
  return node.kind === 'task' ? node.task.name : node.include.name
}

function compileSteps(steps: readonly Step[], inherited: Settings, choice: TagChoice, at: Position): Node[] {
  return steps.map((step, index): Node => {
    const position = [...at, index]
    checkStep(step, index)
    if (step.kind === 'flush') return { kind: 'flush', position }
    const settings = merge(inherited, step.options as StepOptions<unknown>)
    if (step.kind === 'block') return compileBlock(step, settings, choice, position)
    const chosen = isChosen(settings.tags, choice)
    return step.kind === 'task' ? { kind: 'task', task: step as Task, settings, position, handler: false, chosen } : { kind: 'include', include: step as Include, settings, outer: inherited, apply: [step.options.apply ?? []].flat(), position, chosen }
  })
}

function compileBlock({ name, tasks, rescue, always }: Block, settings: Settings, choice: TagChoice, position: Position): BlockNode {
  return {
    kind: 'block',
    name,
    tasks: compileSteps(tasks, settings, choice, [...position, 0]),
    rescue: rescue && compileSteps(rescue, settings, choice, [...position, 1]),
    always: compileSteps(always, settings, choice, [...position, 2]),
  }
}

function merge(outer: Settings, options: StepOptions<unknown>): Settings {
  const list = <Item>(value: Item | readonly Item[] | undefined): readonly Item[] => (value === undefined ? [] : Array.isArray(value) ? (value as readonly Item[]) : [value as Item])
  return {
    tags: [...new Set([...outer.tags, ...list(options.tags)])],
    when: [...outer.when, ...list(options.when)],
    notify: [...outer.notify, ...list(options.notify)],
    become: options.become ?? outer.become,
    delegateTo: options.delegateTo ?? outer.delegateTo,
    ignoreErrors: options.ignoreErrors ?? outer.ignoreErrors,
    ignoreUnreachable: options.ignoreUnreachable ?? outer.ignoreUnreachable,
    anyErrorsFatal: options.anyErrorsFatal ?? outer.anyErrorsFatal,
    runOnce: options.runOnce ?? outer.runOnce,
  }
}
