// What `import … from 'farm'` means in a user's recipe: the very modules of the farm that loads it, not a second copy of them
// (src/recipe/import.ts puts them here). CommonJS, since that is what jiti makes of the recipe.
module.exports = globalThis[Symbol.for('farm.recipe-api')]
