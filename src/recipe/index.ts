/** The authoring API and the loading of recipes. */
export { recipe, task, type RecipeDefinition } from './define.ts'
export { findRecipe, listRecipes, recipeNames, type LoadedRecipe } from './load.ts'
export { Skipped, type Recipe, type Task, type TaskContext } from './types.ts'
