/** The helpers of templates: small pure functions of their arguments. Undefined arguments never reach them, save `default`'s first. */
import { readFileSync } from 'node:fs'
import { expandPath } from '../paths.ts'
import { addressHelpers } from './helpers/addresses.ts'
import type { Helpers } from './helpers/arguments.ts'
import { codeHelpers } from './helpers/codes.ts'
import { listHelpers } from './helpers/lists.ts'
import { numberHelpers } from './helpers/numbers.ts'
import { regexHelpers } from './helpers/regex.ts'
import { textHelpers, type Lookups } from './helpers/texts.ts'
import { describeValue } from './layer.ts'

export type { Helper } from './helpers/arguments.ts'
export type { Lookups } from './helpers/texts.ts'

/** The controller itself. */
export const controllerLookups: Lookups = {
  env: (name) => process.env[name],
  file: (path) => readFileSync(expandPath(path), 'utf8'),
}

/** All helpers by name; each checks the number and types of its arguments. */
export function makeHelpers(lookups: Lookups): Helpers {
  return { ...textHelpers(lookups), ...regexHelpers, ...listHelpers, ...numberHelpers, ...codeHelpers, ...addressHelpers }
}

/** Conditions of `{{#if}}`: booleans, and empty text, empty lists, zero and null are false. Text that spells a boolean is refused. */
export function holds(value: unknown): boolean {
  if (typeof value === 'string' && /^(true|false|yes|no|on|off)$/i.test(value)) throw new Error(`needs true or false, got ${describeValue(value)}`)
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}
