/** What recipes import: `import { recipe, task, z } from 'farm'`. */
export { z } from 'zod'
export { CapacityError, FarmError, InputError, TaskError, TemporaryError, UnreachableError } from './errors.ts'
export { block, flushHandlers, handler, include, loop, recipe, sequence, task } from './recipe/index.ts'
export type { Block, Condition, Include, Recipe, RecipeDefinition, Sequence, Serial, Step, StepOptions, Task, TaskContext, TaskOptions, TaskResult, Variables } from './recipe/index.ts'
export type { Facts, Host, Shell } from './host/index.ts'
export type { Ensure, Ensured } from './ensure/index.ts'
