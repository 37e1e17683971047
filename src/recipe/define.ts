/** `recipe()` and `task()`: how an author writes what shall hold. */
import type { z } from 'zod'
import type { Recipe, Task, TaskContext } from './types.ts'

/**
 * Names a step. The function reads, compares and applies through the context; returning is success, throwing is failure.
 *
 * @example
 * export const volumePool = task('Create the pool', async ({ hypervisor, vars }) => { … })
 */
export function task<Vars>(name: string, run: (context: TaskContext<Vars>) => Promise<void>): Task<Vars> {
  return { name, run }
}

/** What an author gives; `become` is true and `destructive` false unless said otherwise. */
export interface RecipeDefinition<Schema extends z.ZodObject> {
  readonly description: string
  readonly hosts: string
  readonly become?: boolean
  readonly vars: Schema
  readonly tasks: readonly Task<z.output<Schema>>[]
  readonly validate?: (vars: z.output<Schema>, host: string) => void | Promise<void>
  readonly destructive?: boolean
}

/** Puts tasks together under a host pattern and a schema of variables. The default export of a file in recipes/. */
export function recipe<Schema extends z.ZodObject>(definition: RecipeDefinition<Schema>): Recipe<Schema> {
  return { become: true, destructive: false, ...definition }
}
