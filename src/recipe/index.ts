/** The authoring API and the loading of recipes. Start with types.ts, then define.ts. */
export { checkStep } from './check.ts'
export { block, flushHandlers, handler, include, loop, notBoolean, recipe, sequence, task, type RecipeDefinition } from './define.ts'
export { phase, phaseTasks, type PhaseContext, type PhaseSetting } from './phase.ts'
export { importFile } from './import.ts'
export { findRecipe, listRecipes, recipeNames, varsOf, type LoadedRecipe } from './load.ts'
export {
  Skipped,
  type Block,
  type ConcludedHost,
  type Conclusion,
  type Condition,
  type HostAddition,
  type Include,
  type Notified,
  type Recipe,
  type Sequence,
  type Serial,
  type Step,
  type StepOptions,
  type Task,
  type TaskContext,
  type TaskOptions,
  type TaskResult,
  type Variables,
} from './types.ts'
