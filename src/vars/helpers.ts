/** The helpers of templates: small pure functions of their arguments. Undefined arguments never reach them, save `default`'s first. */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expandPath } from '../paths.ts'
import { toJson } from './formats.ts'
import { describeValue } from './layer.ts'

/** What helpers may look up on the controller; replaced in tests. */
export interface Lookups {
  /** An environment variable. */
  readonly env: (name: string) => string | undefined
  /** The text of a file on the controller; throws when it cannot be read. */
  readonly file: (path: string) => string
}

/** The controller itself. */
export const controllerLookups: Lookups = {
  env: (name) => process.env[name],
  file: (path) => readFileSync(expandPath(path), 'utf8'),
}

/** A helper; its errors have messages that stand after the helper's name. */
export type Helper = (args: readonly unknown[]) => unknown

/** All helpers by name; each checks the number and types of its arguments. */
export function makeHelpers(lookups: Lookups): Readonly<Record<string, Helper>> {
  return {
    default: counted(2, 2, ([value, fallback]) => value ?? fallback),
    ternary: counted(3, 3, ([condition, yes, no]) => (truth(condition) ? yes : no)),
    eq: counted(2, 2, ([a, b]) => a === b),
    ne: counted(2, 2, ([a, b]) => a !== b),
    not: counted(1, 1, ([a]) => !truth(a)),
    and: (args) => args.every(truth),
    or: (args) => args.some(truth),
    concat: (args) => args.map(text).join(''),
    join: counted(1, 2, ([list, separator = '']) => array(list).map(text).join(text(separator))),
    lower: counted(1, 1, ([value]) => text(value).toLowerCase()),
    upper: counted(1, 1, ([value]) => text(value).toUpperCase()),
    replace: counted(3, 3, ([value, from, to]) => text(value).replaceAll(text(from), () => text(to))),
    basename: counted(1, 1, ([path]) => posix.basename(text(path))),
    dirname: counted(1, 1, ([path]) => posix.dirname(text(path))),
    path: (args) => posix.join(...(Array.isArray(args[0]) ? array(args[0]) : args).map(text)),
    env: counted(1, 2, ([name, fallback]) => found(lookups.env(text(name)) ?? fallback, `there is no environment variable ${text(name)}`)),
    file: counted(1, 1, ([path]) => lookups.file(text(path)).trim()),
    b64: counted(1, 1, ([value]) => Buffer.from(text(value)).toString('base64')),
    json: counted(1, 1, ([value]) => toJson(value)),
    lookup: counted(2, 2, ([value, key]) => own(value, key)),
  }
}

function counted(least: number, most: number, helper: Helper): Helper {
  return (args) => {
    if (args.length < least || args.length > most) throw new Error(`takes ${least === most ? least : `${least} or ${most}`} arguments, got ${args.length}`)
    return helper(args)
  }
}

function text(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new Error(`needs text, got ${describeValue(value)}`)
}

function array(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new Error(`needs a list, got ${describeValue(value)}`)
}

function found(value: unknown, message: string): unknown {
  if (value === undefined) throw new Error(message)
  return value
}

function own(value: unknown, key: unknown): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, text(key)) ? (value as Record<string, unknown>)[text(key)] : undefined
}

/** Conditions of `ternary`, `not`, `and`, `or`: booleans only, since the text "false" would be true. */
function truth(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new Error(`needs true or false, got ${describeValue(value)}`)
}

/** Conditions of `{{#if}}`: as {@link truth}, and empty text, empty lists, zero and null are false. Text that spells a boolean is refused. */
export function holds(value: unknown): boolean {
  if (typeof value === 'string' && /^(true|false|yes|no|on|off)$/i.test(value)) throw new Error(`needs true or false, got ${describeValue(value)}`)
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}
