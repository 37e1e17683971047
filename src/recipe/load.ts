/** Finds recipes: those that ship with farm, and a user's file given by its path. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import type { z } from 'zod'
import { InputError, UsageError } from '../errors.ts'
import { expandPath, packagedCode } from '../paths.ts'
import { nearest } from '../suggest.ts'
import { importFile } from './import.ts'
import type { Recipe, Sequence } from './types.ts'

/** What a recipe file holds, with the name under which it is run and the file it came from. */
export interface LoadedRecipe {
  readonly name: string
  readonly file: string
  readonly description: string
  /** One, or those of a sequence in order. */
  readonly recipes: readonly Recipe[]
}

/** The variables that any of the recipes reads, as one schema. */
export async function varsOf({ recipes }: LoadedRecipe): Promise<z.ZodObject> {
  const { z } = await import('zod')
  return z.object(Object.assign({}, ...recipes.map((recipe) => recipe.vars.shape)) as z.ZodRawShape)
}

/** Names of the recipes that ship with farm, sorted. */
export async function recipeNames(): Promise<string[]> {
  const files = await readdir(packagedCode('recipes'))
  return files.filter((file) => /\.(ts|js)$/.test(file) && !file.endsWith('.d.ts')).map((file) => basename(file, extname(file))).sort()
}

/** All recipes that ship with farm. */
export async function listRecipes(): Promise<LoadedRecipe[]> {
  return Promise.all((await recipeNames()).map((name) => findRecipe(name)))
}

/**
 * Loads a recipe by its name, or by the path of a TypeScript or JavaScript file (anything with a slash or an extension).
 *
 * @throws UsageError `unknown-recipe` with the known names; InputError when the file does not export a recipe.
 */
export async function findRecipe(name: string): Promise<LoadedRecipe> {
  const isPath = name.includes('/') || /\.[mc]?[jt]s$/.test(name)
  const file = isPath ? expandPath(name) : packagedFile(name)
  if (file === undefined || !existsSync(file)) {
    if (isPath) throw new UsageError('unknown-recipe', `there is no recipe file ${name}`, { location: { file: file ?? name } })
    const known = await recipeNames()
    const beside = ['.ts', '.js', '.mts', '.mjs'].map((extension) => `./${name}${extension}`).find((path) => existsSync(path))
    const near = nearest(name, known)
    throw new UsageError('unknown-recipe', `there is no recipe called "${name}"`, {
      hint: `${beside !== undefined ? `did you mean the file ${beside}? ` : near === undefined ? '' : `did you mean "${near}"? `}known recipes: ${known.join(', ')}`,
    })
  }
  const module = await importFile(file)
  const exported = module['default']
  const recipes = isSequence(exported) ? exported.recipes : isRecipe(exported) ? [exported] : []
  if (!isDescribed(exported) || recipes.length === 0) {
    throw new InputError('not-a-recipe', `${file} has no recipe as its default export`, { location: { file }, hint: 'write `export default recipe({ … })`' })
  }
  return { name: isPath ? basename(name, extname(name)) : name, file, description: exported.description, recipes }
}

function packagedFile(name: string): string | undefined {
  if (!/^[\w-]+$/.test(name)) return undefined
  return ['.js', '.ts'].map((extension) => join(packagedCode('recipes'), name + extension)).find((file) => existsSync(file))
}

function isDescribed(value: unknown): value is { readonly description: string } {
  return typeof value === 'object' && value !== null && 'description' in value && typeof value.description === 'string'
}

function isSequence(value: unknown): value is Sequence {
  return typeof value === 'object' && value !== null && 'recipes' in value && Array.isArray(value.recipes) && value.recipes.every(isRecipe)
}

function isRecipe(value: unknown): value is Recipe {
  return typeof value === 'object' && value !== null && 'tasks' in value && Array.isArray(value.tasks) && 'hosts' in value && 'vars' in value
}
