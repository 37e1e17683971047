/** What recipes import from `farm`, save zod, which takes longer to load than all of this. */
export { CapacityError, FarmError, InputError, TaskError, TemporaryError, UnreachableError } from '../errors.ts'
export { block, flushHandlers, handler, include, loop, recipe, sequence, task, type RecipeDefinition } from './define.ts'
export { phase, type PhaseContext } from './phase.ts'
export type { PhaseOptions, PhaseName } from '../phase/types.ts'
export type { Block, ConcludedHost, Conclusion, Condition, Include, Recipe, Sequence, Serial, Step, StepOptions, Task, TaskContext, TaskOptions, TaskResult, Variables } from './types.ts'
export { imageStep, type ImageState, type StepContext, type StepDefinition } from '../image/steps/types.ts'
export type { Facts, Host, Shell } from '../host/index.ts'
export type { Ensure, Ensured } from '../ensure/index.ts'
