/** How an author writes what shall hold: `recipe()`, `task()`, `handler()`, `block()` and their kin. */
import type { z } from 'zod'
import { InputError } from '../errors.ts'
import { checkOptions, checkParts } from './check.ts'
import type { Block, Flush, Include, Recipe, Sequence, Step, StepOptions, Task, TaskContext, TaskOptions } from './types.ts'

/** What a task does; what it returns can be asked for by later tasks (`resultOf`). */
export type TaskFunction<Vars, Value> = (context: TaskContext<Vars>) => Promise<Value> | Value

/**
 * Names a step. The function reads, compares and applies through the context; returning is success, throwing is failure.
 *
 * @example
 * export const volumePool = task('Create the pool', async ({ hypervisor, vars }) => { … })
 * export const motd = task('Greet', { tags: ['greeting'], notify: restartSshd }, ({ ensure }) => ensure.file({ path: '/etc/motd', content: 'Hello\n' }))
 */
export function task<Vars, Value = void>(name: string, run: TaskFunction<Vars, Value>): Task<Vars, Value>
export function task<Vars, Value = void>(name: string, options: TaskOptions<Vars, Value>, run: TaskFunction<Vars, Value>): Task<Vars, Value>
export function task<Vars, Value>(name: string, ...rest: [TaskFunction<Vars, Value>] | [TaskOptions<Vars, Value>, TaskFunction<Vars, Value>]): Task<Vars, Value> {
  const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest
  if (typeof run !== 'function') throw new InputError('recipe-option', `task "${name}" needs a function that does its work`, { hint: 'write `task(name, async ({ host }) => { … })`' })
  checkOptions('task', name, options)
  // Async, so that what is thrown at once is a failure like any other.
  return { kind: 'task', name, options, listen: [], run: async (context) => run(context) }
}

/** What a loop does with each item. */
export interface LoopOptions<Vars, Item, Value> extends Omit<TaskOptions<Vars, Value[]>, 'when'> {
  /** What to loop over. An empty list skips the task; anything but a list is an error. */
  readonly items: readonly Item[] | ((context: TaskContext<Vars>) => readonly Item[] | Promise<readonly Item[]>)
  /** Judged for each item; without any item left the task is skipped. */
  readonly when?: (item: Item, context: TaskContext<Vars>) => boolean | Promise<boolean>
}

/** A task that does one thing for each item of a list; its value is the list of what came of each. */
export function loop<Vars, Item, Value>(name: string, options: LoopOptions<Vars, Item, Value>, each: (context: TaskContext<Vars>, item: Item, index: number) => Promise<Value> | Value): Task<Vars, Value[]> {
  checkOptions('loop', name, options)
  const { items, when, ...rest } = options
  return task<Vars, Value[]>(name, rest, async (context) => {
    const list: unknown = typeof items === 'function' ? await items(context) : items
    if (!Array.isArray(list)) throw new InputError('loop', `${name} needs a list to loop over, got ${typeof list === 'string' ? `the text ${JSON.stringify(list)}` : typeof list}`, { host: context.inventoryHost })
    const values: Value[] = []
    for (const [index, item] of (list as Item[]).entries()) {
      const wanted: unknown = when === undefined ? true : await when(item, context)
      if (typeof wanted !== 'boolean') throw notBoolean(name, wanted)
      if (wanted) values.push(await each(context, item, index))
    }
    if (values.length === 0) context.skip(list.length === 0 ? 'the list is empty' : 'no item meets the condition')
    return values
  })
}

/** The error for a condition that is neither true nor false. */
export function notBoolean(name: string, got: unknown): InputError {
  return new InputError('not-a-boolean', `the condition of "${name}" is not a boolean: ${JSON.stringify(got) ?? 'undefined'}`, { hint: 'compare it with something; the text "false" would be true' })
}

/** What is particular to a handler. */
export interface HandlerOptions<Vars, Value = unknown> extends TaskOptions<Vars, Value> {
  /** Topics that it listens to, beside its name. */
  readonly listen?: string | readonly string[]
}

/** A task that runs when a change has notified it: once per host, at the end or at `flushHandlers()`, in the recipe's order. */
export function handler<Vars, Value = void>(name: string, run: TaskFunction<Vars, Value>): Task<Vars, Value>
export function handler<Vars, Value = void>(name: string, options: HandlerOptions<Vars, Value>, run: TaskFunction<Vars, Value>): Task<Vars, Value>
export function handler<Vars, Value>(name: string, ...parts: [TaskFunction<Vars, Value>] | [HandlerOptions<Vars, Value>, TaskFunction<Vars, Value>]): Task<Vars, Value> {
  const [options, run] = parts.length === 1 ? [{}, parts[0]] : parts
  checkOptions('handler', name, options)
  const { listen = [], ...rest } = options
  return { ...task<Vars, Value>(name, rest, run), listen: [listen].flat() }
}

/** What a block holds beside its options. */
export interface BlockParts<Vars> {
  readonly tasks: readonly Step<Vars>[]
  /** Runs when something in `tasks` fails, which then does not count as failed. */
  readonly rescue?: readonly Step<Vars>[]
  /** Runs at the end, whatever happened; also after an interruption. */
  readonly always?: readonly Step<Vars>[]
}

/** Puts tasks together: under common options, with a rescue, with an end that is always reached. */
export function block<Vars>(name: string, parts: BlockParts<Vars> & StepOptions<Vars>): Block<Vars> {
  checkOptions('block', name, parts)
  checkParts('block', name, parts, ['tasks'])
  const { tasks, rescue, always = [], ...options } = parts
  return { kind: 'block', name, options, tasks, rescue, always }
}

/** Steps that depend on what is found: decided on, for each host, when it is their turn. */
export function include<Vars>(name: string, steps: Include<Vars>['steps'], options: Include<Vars>['options'] = {}): Include<Vars> {
  checkOptions('include', name, options)
  return { kind: 'include', name, options, steps }
}

/** A step that runs the handlers notified so far, instead of waiting for the recipe's end. */
export function flushHandlers(): Flush {
  return { kind: 'flush' }
}

/** The schema of a recipe without variables: what is used of one, without loading zod, which takes longer than many a run. */
const NO_VARS = { shape: {}, safeParse: () => ({ success: true, data: {} }) }

/** What an author gives; everything else has the default that {@link recipe} names. */
export interface RecipeDefinition<Schema extends z.ZodObject> extends Partial<Omit<Recipe<Schema>, 'description' | 'hosts' | 'vars' | 'tasks'>> {
  readonly description: string
  readonly hosts: string
  readonly vars?: Schema
  readonly tasks: readonly Step<z.output<Schema>>[]
}

/**
 * Puts tasks together under a host pattern and a schema of variables. The default export of a file in recipes/.
 * Left out: `--become` and the inventory decide whether tasks run as root, hosts are free of each other, and one host's failure stops no other.
 */
export function recipe<Schema extends z.ZodObject = z.ZodObject<Record<never, never>>>(definition: RecipeDefinition<Schema>): Recipe<Schema> {
  checkOptions('recipe', definition.description, definition)
  checkParts('recipe', definition.description, definition, ['description', 'hosts', 'tasks'])
  return {
    become: undefined,
    handlers: [],
    tags: [],
    strategy: 'free',
    serial: undefined,
    maxFailPercentage: undefined,
    anyErrorsFatal: false,
    ignoreUnreachable: false,
    forceHandlers: false,
    lock: true,
    destructive: false,
    addsHosts: false,
    ...definition,
    vars: definition.vars ?? (NO_VARS as unknown as Schema),
  }
}

/** A recipe whatever its variables: the runner checks them against its schema. */
type AnyRecipe = Pick<Recipe, 'description' | 'hosts' | 'vars'> & { readonly tasks: readonly unknown[] }

/** Puts recipes one after another; a host that failed in one takes no part in the next. Also the default export of a recipe file. */
export function sequence(description: string, recipes: readonly AnyRecipe[]): Sequence {
  return { description, recipes: recipes as unknown as readonly Recipe[] }
}
