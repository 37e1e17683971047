/** Runs recipes on hosts that are all this machine, and tells what happened where. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { z } from 'zod'
import { TaskError } from '../../../src/errors.ts'
import type { Event, Recap } from '../../../src/events.ts'
import { loadInventory } from '../../../src/inventory/index.ts'
import { recipe, task, type Recipe, type RecipeDefinition, type Task, type TaskOptions } from '../../../src/recipe/index.ts'
import { planRun, runRecipes, type Plan, type PlanOptions, type RunOptions } from '../../../src/run/index.ts'
import { layerOf, parseExtraVars } from '../../../src/vars/index.ts'

/** A directory of the test file's own. */
export const dir = mkdtempSync(join(tmpdir(), 'farm-run-'))
after(() => rmSync(dir, { recursive: true }))

let inventories = 0

/** What is asked of a run; all is optional. */
export interface Asked extends Partial<Pick<RunOptions, 'limit' | 'tags' | 'skipTags' | 'startAt' | 'allowUnknownTags' | 'check' | 'forks' | 'forceHandlers' | 'signal' | 'sink'>> {
  /** Host names, or the text of an INI inventory. */
  readonly hosts?: readonly string[] | string
  readonly extra?: readonly string[]
}

/** What came of a run. */
export interface Ran {
  readonly code: number
  readonly events: readonly Event[]
  /** `host task outcome`, in the order in which tasks ended. */
  readonly ends: readonly string[]
  readonly recap: Readonly<Record<string, Recap>>
}

async function planOptions(recipes: readonly Recipe[], asked: Asked): Promise<PlanOptions> {
  const { hosts = ['a'] } = asked
  const source = typeof hosts === 'string' ? join(dir, `inventory${++inventories}`) : `${hosts.join(',')},`
  if (typeof hosts === 'string') writeFileSync(source, hosts)
  return {
    name: 'test', recipes, inventory: await loadInventory([source], { cwd: dir }), limit: asked.limit, tags: asked.tags ?? [], skipTags: asked.skipTags ?? [],
    startAt: asked.startAt, allowUnknownTags: asked.allowUnknownTags ?? false,
    defaults: [layerOf('the command line', { ansible_connection: 'local' })], extraVars: await parseExtraVars(asked.extra ?? [], dir),
  }
}

/** Runs recipes, one after another. */
export async function run(what: Recipe | readonly Recipe[], asked: Asked = {}): Promise<Ran> {
  const events: Event[] = []
  const code = await runRecipes({
    ...(await planOptions([what].flat() as Recipe[], asked)),
    run: 'test', check: asked.check ?? false, forks: asked.forks ?? 10, forceHandlers: asked.forceHandlers ?? false, projectDir: dir,
    sink: (event) => { events.push(event); asked.sink?.(event) },
    signal: asked.signal ?? new AbortController().signal,
  })
  const end = events.at(-1)
  return { code, events, recap: end?.type === 'run-end' ? end.recap : {}, ends: events.flatMap((event) => (event.type === 'task-end' ? [`${event.host} ${event.task} ${event.pardon ?? event.outcome}`] : [])) }
}

export async function plan(what: Recipe | readonly Recipe[], asked: Asked = {}): Promise<Plan> {
  return planRun(await planOptions([what].flat() as Recipe[], asked))
}

/** A recipe on all hosts that takes no lock, since all of them are one machine. */
export function simple<Schema extends z.ZodObject>(tasks: RecipeDefinition<Schema>['tasks'], rest: Partial<RecipeDefinition<Schema>> = {}): Recipe {
  return recipe({ description: 'a test', hosts: 'all', lock: false, tasks, ...rest }) as unknown as Recipe
}

/** What tasks have said, in order; `host:word` when several hosts speak. */
export class Words {
  readonly list: string[] = []

  /** A task that says its name, and changes something when told so. */
  task(name: string, options: TaskOptions<never> & { readonly changes?: boolean; readonly fails?: boolean | string } = {}): Task {
    const { changes = false, fails = false, ...rest } = options
    return task<unknown>(name, rest as TaskOptions<unknown, void>, async ({ host, inventoryHost }) => {
      this.list.push(name)
      if (changes) await host.$`:`
      if (fails === true || fails === inventoryHost) throw new TaskError('broken', `${name} is broken`)
    })
  }

  get text(): string {
    return this.list.join(' ')
  }
}
