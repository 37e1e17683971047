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

/** Text written with YAML's `!unsafe`: never treated as a template. */
export class Unsafe {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A value as it is written: tags of YAML are gone. */
export function withoutTags(value: unknown): unknown {
  return value instanceof Unsafe ? value.text : value
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

/** True for maps as YAML and JSON make them: not a list, not text marked unsafe. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Unsafe)
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
  if (value instanceof Unsafe) return describeValue(value.text)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `the list ${clip(JSON.stringify(value))}`
  if (typeof value === 'object') return `the map ${clip(JSON.stringify(value))}`
  if (typeof value === 'string') return `text ${clip(JSON.stringify(value))}`
  return `${typeof value} ${String(value)}`
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
