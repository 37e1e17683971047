/**
 * A layer is one place that sets variables: a file, the command line, a section of an inventory.
 * Layers are stacked, lowest first, by those who know the precedence; a Scope reads the stack.
 */
import { InputError, type Location } from '../errors.ts'

/** A way into a value: keys of maps and indexes of lists. */
export type ValuePath = readonly (string | number)[]

/** One place that sets variables, and where in it each was written. */
export interface Layer {
  /** For people: `group_vars/all.yml`, `--extra-vars`. */
  readonly name: string
  /** Raw values: templates in them are not rendered yet. Has no prototype, so that every key is only a key. */
  readonly values: Readonly<Record<string, unknown>>
  /** The file that holds the values, when there is one. */
  readonly file?: string | undefined
  /** Where the value at `path` (its first element is the variable's name) was written. */
  origin(path: ValuePath): Location | undefined
}

/** A value that is more than its text: written with a YAML tag. */
export abstract class Tagged {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Text written with YAML's `!unsafe`: never treated as a template. */
export class Unsafe extends Tagged {}

/** Text written with `!secret`: its value, templates rendered, is hidden wherever it would show. */
export class Secret extends Tagged {}

/**
 * Text written with `!vault`: encrypted, and decrypted when a Scope reads it. `text` is the ciphertext as it is written, which
 * Ansible's own JSON has as `{"__ansible_vault": text}`. What it decrypts to is never a template.
 */
export class Vaulted extends Tagged {
  readonly location: Location | undefined
  constructor(text: string, location?: Location) {
    super(text)
    this.location = location
  }
}

const POISON: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** True for keys that mean an object's prototype to JavaScript; they are refused wherever they come from. */
export function isPoison(key: string): boolean {
  return POISON.has(key)
}

/** The error for such a key. */
export function poisonError(key: string, location: Location | undefined): InputError {
  return new InputError('forbidden-key', `"${key}" cannot be the name of a variable or a key`, { location, hint: 'choose another name' })
}

/** An empty record without a prototype. */
export function emptyRecord<T = unknown>(): Record<string, T> {
  return Object.create(null) as Record<string, T>
}

/** The value with every text in it marked unsafe: what comes from a host, or from a program, is never a template. */
export function untrusted(value: unknown): unknown {
  if (typeof value === 'string') return new Unsafe(value)
  if (Array.isArray(value)) return value.map(untrusted)
  if (!isMap(value)) return value
  const result = emptyRecord()
  for (const [key, item] of Object.entries(value)) result[key] = untrusted(item)
  return result
}

/** True for maps as YAML and JSON make them: not a list, not text with a tag. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tagged)
}

/**
 * Makes a layer of values that the caller holds, all written at one place (or at none).
 * @throws InputError when a name is one that JavaScript reserves for prototypes.
 */
export function layerOf(name: string, values: Readonly<Record<string, unknown>>, at?: Location): Layer {
  const own = emptyRecord()
  for (const [key, value] of Object.entries(values)) {
    if (isPoison(key)) throw poisonError(key, at)
    own[key] = value
  }
  return { name, values: own, file: at?.file, origin: ([key]) => (key !== undefined && key in own ? at : undefined) }
}

/** What a value is, in the words of messages: `text "x"`, `number 3`, `a list`. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (value instanceof Vaulted) return 'an encrypted value'
  if (value instanceof Secret) return 'a secret'
  if (value instanceof Tagged) return describeValue(value.text)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `the list ${clip(JSON.stringify(value))}`
  if (typeof value === 'object') return `the map ${clip(JSON.stringify(value))}`
  if (typeof value === 'string') return `text ${clip(JSON.stringify(value))}`
  return `${typeof value} ${String(value)}`
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
