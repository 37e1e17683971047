/** All that is wrong with a document, said at once: zod's issues in words, with the place of each and the nearest known word. */
import type { z } from 'zod'
import { formatLocation, InputError, type Location } from '../../errors.ts'
import { nearest } from '../../suggest.ts'
import { expectedBy, fieldAt, valueAt } from '../../vars/check.ts'
import { describeValue, type ValuePath } from '../../vars/layer.ts'
import { definition, unwrapped, type Schema } from '../../vars/shape.ts'

/** One thing that is wrong. */
export interface Problem {
  readonly text: string
  readonly location?: Location | undefined
  readonly hint?: string | undefined
  /** A word that nobody knows, and the words that are known. */
  readonly word?: string
  readonly known?: readonly string[]
}

/** Where the value at a path of the document is written. */
export type Origin = (path: ValuePath) => Location | undefined

/** Judges `value`, which stands at `base` of its document; adds what is wrong to `problems`. Undefined when anything is. */
export function problemsOf(schema: z.ZodType, value: unknown, base: ValuePath, origin: Origin, problems: Problem[]): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  for (const issue of result.error.issues) problems.push(...ofIssue(schema, value, base, origin, issue))
  return undefined
}

function ofIssue(schema: Schema, value: unknown, base: ValuePath, origin: Origin, issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  const full = [...base, ...path]
  const location = nearestPlace(origin, full)
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path)
    return issue.keys.map((key) => ({ text: `${label([...full, key])} is not known here`, location: origin([...full, key]) ?? location, word: key, known }))
  }
  const got = valueAt(value, path)
  if (issue.code === 'custom') return [{ text: `${label(full)}: ${got === undefined || typeof got === 'object' ? '' : `got ${describeValue(got)}, `}expected ${issue.message}`, location }]
  const missing = got === undefined ? unknownKey(schema, valueAt(value, path.slice(0, -1)), path) : undefined
  return [{ text: `${label(full)}: ${got === undefined ? 'not set' : `got ${describeValue(got)}`}, expected ${expectedBy(issue, fieldAt(schema, path))}`, location, ...missing }]
}

/** A key of the same map that nobody knows may be what is missing. */
function unknownKey(schema: Schema, map: unknown, path: ValuePath): Pick<Problem, 'hint'> | undefined {
  const wanted = String(path.at(-1))
  const strange = Object.keys(typeof map === 'object' && map !== null ? map : {}).filter((key) => !keysAt(schema, path.slice(0, -1)).includes(key))
  const near = nearest(wanted, strange)
  return near === undefined ? undefined : { hint: `${near} is set; should it be called ${wanted}?` }
}

function keysAt(schema: Schema, path: ValuePath): string[] {
  const field = fieldAt(schema, [...path])
  const core = field && (unwrapped(field).at(-1) as Schema)
  const def = core && definition(core)
  return [...new Set([def, ...(def?.options ?? []).map(definition)].flatMap((part) => Object.keys(part?.shape ?? {})))]
}

function nearestPlace(origin: Origin, path: ValuePath): Location | undefined {
  for (let length = path.length; length >= 0; length--) {
    const location = origin(path.slice(0, length))
    if (location) return location
  }
  return undefined
}

/** `disks[0].size`. */
export function label(path: ValuePath): string {
  return path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : String(step)), '') || 'the whole'
}

/** One error for all problems; with a single one, it is the message. */
export function report(code: string, message: string, problems: readonly Problem[]): InputError {
  const hints = problems.map(({ hint, word, known }) => {
    const near = word === undefined ? undefined : nearest(word, known ?? [])
    return hint ?? (near === undefined ? undefined : `did you mean ${near}?`)
  })
  const lines = problems.map(({ text, location }, index) => `${text}${location ? ` (${formatLocation(location)})` : ''}${problems.length > 1 && hints[index] !== undefined ? `; ${hints[index]}` : ''}`)
  const [first] = problems
  const location = problems.find((problem) => problem.location)?.location
  if (problems.length === 1 && first) {
    const known = first.known && first.known.length > 0 && hints[0] === undefined ? `known: ${first.known.join(', ')}` : undefined
    return new InputError(code, `${message}: ${first.text}`, { location, hint: hints[0] ?? known })
  }
  return new InputError(code, `${message}: ${problems.length} mistakes`, { location, details: lines })
}
