/** Variables against a recipe's schema: all of them are judged before anything happens, and everything wrong is said at once. */
import type { z } from 'zod'
import { FarmError, formatLocation, InputError, type Location } from '../errors.ts'
import { concealAll } from '../secrets.ts'
import { coerce } from './coerce.ts'
import { describeValue, isPoison } from './layer.ts'
import type { Scope } from './scope.ts'
import { alternatives, definition, metaOf, typeName, unwrapped, type Schema } from './shape.ts'
import { nearest } from '../suggest.ts'

interface Problem {
  readonly text: string
  readonly location: Location | undefined
  readonly hint?: string | undefined
}

/**
 * The variables that `schema` names, taken from the scope, converted and validated; other variables are ignored.
 * @throws InputError, one for all problems: each of its `details` says the variable, what was got and expected, and file and line.
 */
export function checkVars<T extends z.ZodObject>(schema: T, scope: Scope, host: string): z.output<T> {
  const problems: Problem[] = []
  const got: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(schema.shape)) {
    if (isPoison(name) || !scope.has(name)) continue
    try {
      const value = scope.get(name)
      if (metaOf(field as Schema).secret) concealAll(value)
      got[name] = coerce(field as Schema, value)
    } catch (cause) {
      if (!(cause instanceof FarmError)) throw cause
      const message = cause.code === 'not-boolean' && metaOf(field as Schema).secret ? 'got a value that is secret, expected boolean' : cause.message
      problems.push({ text: `${name}: ${message}`, location: cause.location ?? scope.origin(name), hint: cause.hint })
    }
  }
  const unusable = new Set(problems.map(({ text }) => text.slice(0, text.indexOf(':'))))
  const result = schema.safeParse(got)
  for (const issue of result.error?.issues ?? []) {
    if (!unusable.has(String(issue.path[0]))) problems.push(toProblem(schema, scope, issue))
  }
  if (result.success && problems.length === 0) return result.data as z.output<T>
  throw report(problems, host)
}

function report(problems: readonly Problem[], host: string): InputError {
  const lines = problems.map(({ text, location }) => (location ? `${text} (${formatLocation(location)})` : text))
  const first = problems[0] as Problem
  const message = problems.length === 1 ? `a variable of ${host} is not usable: ${first.text}` : `${problems.length} variables of ${host} are not usable`
  const hint = problems.find((problem) => problem.hint)?.hint
  return new InputError('variables', message, { host, location: problems.find((problem) => problem.location)?.location, details: problems.length === 1 ? [] : lines, hint })
}

function toProblem(schema: z.ZodObject, scope: Scope, issue: z.core.$ZodIssue): Problem {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  const [name, ...rest] = path
  if (name === undefined) return { text: issue.message, location: undefined }
  const label = path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : String(step)), '')
  if (!scope.has(String(name))) return missing(schema, scope, String(name), label)
  const value = valueAt(scope.get(String(name)), rest)
  const location = scope.origin(String(name), rest)
  const field = fieldAt(schema as Schema, path)
  // Even a secret that is too short to be masked is not repeated.
  const hidden = [schema.shape[String(name)] as Schema, ...(field ? [field] : [])].some((part) => metaOf(part).secret)
  return { text: `${label}: got ${hidden ? 'a value that is secret' : describeValue(value)}, expected ${expectedBy(issue, field)}`, location }
}

function missing(schema: z.ZodObject, scope: Scope, name: string, label: string): Problem {
  const field = schema.shape[name] as Schema | undefined
  const near = nearest(name, scope.names().filter((known) => !Object.hasOwn(schema.shape, known)))
  const hint = near === undefined ? `set it in the inventory or with -e ${name}=…` : `${near} is set; should it be called ${name}?`
  return { text: `${label}: not set, expected ${field ? wanted(field) : 'a value'}`, location: undefined, hint }
}

function wanted(field: Schema): string {
  const { unit, description } = metaOf(field)
  return `${typeName(field)}${unit ? ` (${unit})` : ''}${description ? `: ${description}` : ''}`
}

/** What zod says, in the words of farm's documentation. */
export function expectedBy(issue: z.core.$ZodIssue, field: Schema | undefined): string {
  const unit = field ? metaOf(field).unit : undefined
  const suffix = unit ? ` (${unit})` : ''
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_union':
      return (field ? typeName(field) : issue.code === 'invalid_type' ? issue.expected : 'another type') + suffix
    case 'invalid_value':
      return alternatives(issue.values)
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum) + suffix
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum) + suffix
    case 'unrecognized_keys':
      return `no ${issue.keys.join(', ')}`
    default:
      return issue.message.replace(/^Invalid (input|string): /, '').replace(/^Invalid (.*)$/, 'a valid $1')
  }
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  const things = origin === 'string' ? ' characters' : ['array', 'set'].includes(origin) ? ' elements' : ''
  return `${relation} ${limit}${things}`
}

/** The value at a path; undefined where the path leads nowhere. */
export function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, step) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[step] : undefined), value)
}

/** The schema of the value at a path; undefined where it is not known. */
export function fieldAt(schema: Schema, path: readonly (string | number)[]): Schema | undefined {
  return path.reduce<Schema | undefined>((field, step) => {
    const def = field && definition(unwrapped(field).at(-1) as Schema)
    if (!def) return undefined
    return def.shape?.[String(step)] ?? (typeof step === 'number' ? (def.items?.[step] ?? def.element) : def.valueType)
  }, schema)
}
