/** The arguments of primitives as YAML has them, judged before any value of a template is known. */
import type { z } from 'zod'
import { explainIssues } from '../ensure/issues.ts'
import type { Primitive } from '../ensure/index.ts'
import { InputError } from '../errors.ts'
import { didYouMean } from '../suggest.ts'
import { isMap, Tagged } from '../vars/layer.ts'
import { isOpen, type Locate } from './render.ts'

let loading: Promise<ReadonlyMap<string, Primitive>> | undefined

/** All primitives by name. Loaded when a phase is one of steps: they take long. */
export function knownPrimitives(): Promise<ReadonlyMap<string, Primitive>> {
  return (loading ??= import('../ensure/index.ts').then(({ primitives }) => new Map(Object.entries<Primitive>(primitives))))
}

/** The argument that a lone text or list stands for. */
const MAIN: Readonly<Record<string, string>> = { command: 'cmd', package: 'name' }

/** `command: make` is `command: { cmd: make }`, and `package: [git, make]` names packages. Anything else is left as it is. */
export function withoutShorthand(primitive: string, args: unknown): unknown {
  const main = MAIN[primitive]
  const alone = typeof args === 'string' || Array.isArray(args) || args instanceof Tagged
  return main !== undefined && alone ? { [main]: args } : args
}

/**
 * Judges arguments by the primitive's schema, save those whose value a template gives: they are judged when the step runs.
 * @throws InputError `primitive` at the first argument that is wrong
 */
export async function checkArguments(primitive: string, args: Readonly<Record<string, unknown>>, locate: Locate): Promise<void> {
  const schema = (await knownPrimitives()).get(primitive)?.schema
  const { error } = schema?.safeParse(untagged(args)) ?? {}
  const open = isOpen(args)
  const shape: Readonly<Record<string, z.ZodType>> = schema !== undefined && 'shape' in schema ? (schema.shape as Record<string, z.ZodType>) : {}
  for (const issue of error?.issues ?? []) {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
    if (issue.code !== 'unrecognized_keys' && open && !certain(issue, path, args, shape)) continue
    const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
    const known = path.length === 0 ? Object.keys(shape) : []
    const [said = ''] = explainIssues({ issues: [issue] as z.core.$ZodIssue[] })
    throw new InputError('primitive', key === undefined ? `${primitive}: ${said}` : `${primitive} has no argument ${key}`, {
      location: locate(key === undefined ? path : [...path, key]) ?? locate([]),
      hint: key === undefined ? undefined : (didYouMean(key, known) ?? (known.length > 0 ? `known: ${known.join(', ')}` : undefined)),
    })
  }
}

/** Whether a mistake stays one, whatever the templates in the arguments give: it is about a value without any, and about that value alone. */
function certain({ code }: z.core.$ZodIssue, path: readonly (string | number)[], args: object, shape: Readonly<Record<string, z.ZodType>>): boolean {
  const [name] = path
  if (name === undefined || isOpen(valueAt(args, [name]))) return false
  return code !== 'custom' || shape[name]?.safeParse(untagged(valueAt(args, [name]))).success === false
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, step) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[step] : undefined), value)
}

function untagged(value: unknown): unknown {
  if (value instanceof Tagged) return value.text
  if (Array.isArray(value)) return value.map(untagged)
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, untagged(item)])) : value
}
