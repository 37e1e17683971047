/** Loads a module that a user wrote, and says where it is wrong when it is. */
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FarmError, InputError, type Location } from '../errors.ts'
import * as api from './api.ts'
import { packaged, packagedCode, stateDir } from '../paths.ts'

/** Lines shown around a mistake. */
const CONTEXT = 2

/**
 * Imports a TypeScript or JavaScript file. TypeScript needs no build: jiti takes its types away, on every Node that farm runs on.
 * `farm` is the farm that loads it, wherever it is installed.
 * @throws InputError `recipe-syntax` or `recipe-broken`, with file, line and column
 */
export async function importFile(file: string): Promise<Record<string, unknown>> {
  // farm's own recipes, compiled, are modules like any other.
  const own = file.startsWith(packagedCode()) && !file.endsWith('.ts')
  try {
    if (own) return (await import(pathToFileURL(file).href)) as Record<string, unknown>
    await offerApi(file)
    const { createJiti } = await import('jiti')
    return await createJiti(import.meta.url, { alias: { farm: packaged('bin', 'recipe-api.cjs') }, fsCache: cacheOf() }).import<Record<string, unknown>>(file)
  } catch (error) {
    throw error instanceof FarmError ? error : explained(error, file)
  }
}

/** Where jiti keeps what it made of recipes: in a directory of the user's own, for whoever may write there decides what is run. */
function cacheOf(): string | boolean {
  const dir = join(stateDir(), 'recipes')
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return dir
  } catch {
    return false
  }
}

/** The API under a name that bin/recipe-api.cjs knows; with zod when the recipe seems to use it, and else when it turns out to. */
async function offerApi(file: string): Promise<void> {
  const store = globalThis as Record<symbol, unknown>
  const key = Symbol.for('farm.recipe-api')
  const zod = /\bz\s*\./.test(linesOf(file).join('\n')) ? await import('zod') : undefined
  if (zod === undefined && store[key] !== undefined) return
  store[key] = Object.defineProperty({ ...api }, 'z', { enumerable: true, get: () => (zod ?? (createRequire(import.meta.url)('zod') as typeof import('zod'))).z })
}

function explained(error: unknown, file: string): InputError {
  const message = error instanceof Error ? error.message : String(error)
  const syntax = /ParseError: ([^\n]*?)\s*\n\s*(\S.*):(\d+):(\d+)/.exec(message)
  if (syntax !== null) {
    const [, what = '', where = file, line, column] = syntax
    const location = { file: where, line: Number(line), column: Number(column) + 1 }
    return new InputError('recipe-syntax', `${where} is not TypeScript: ${what.charAt(0).toLowerCase()}${what.slice(1)}`, { location, details: excerpt(location), cause: error })
  }
  const missing = /^Cannot find (?:module|package) '([^']+)'/.exec(message)
  const location = missing === null ? placeIn(error, file) : importOf(file, missing[1] ?? '')
  if (missing !== null) return new InputError('recipe-broken', `${location.file} imports ${missing[1]}, which is not there`, { location, details: excerpt(location), cause: error })
  return new InputError('recipe-broken', `${file} cannot be loaded: ${message.split('\n')[0]}`, { location, details: excerpt(location), cause: error })
}

/** Where in the file an error was thrown, by its stack. */
function placeIn(error: unknown, file: string): Location {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const at = stack.split('\n').find((frame) => frame.includes(file))
  const place = at === undefined ? null : /:(\d+):(\d+)\)?$/.exec(at)
  return place === null ? { file } : { file, line: Number(place[1]), column: Number(place[2]) }
}

/** The line that imports a name. */
function importOf(file: string, name: string): Location {
  const lines = linesOf(file)
  const index = lines.findIndex((line) => /\b(import|from|require)\b/.test(line) && line.includes(name))
  return index < 0 ? { file } : { file, line: index + 1, column: (lines[index] ?? '').indexOf(name) + 1 }
}

/** The lines around a place, with a caret below it. */
function excerpt({ file, line, column }: Location): string[] {
  if (line === undefined) return []
  const lines = linesOf(file)
  const first = Math.max(1, line - CONTEXT)
  const wide = String(line).length
  const shown = lines.slice(first - 1, line).map((text, index) => `${String(first + index).padStart(wide)} | ${text}`)
  return [...shown, `${' '.repeat(wide)} | ${' '.repeat(Math.max(0, (column ?? 1) - 1))}^`]
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
