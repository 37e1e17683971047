/**
 * The host primitives: one file each, named after what it makes so. Start with primitive.ts.
 * `bindEnsure` gives a task its `ensure`; `primitives` is the registry, by name, for lists of primitives in YAML.
 */
import { z } from 'zod'
import { InputError } from '../errors.ts'
import type { EnsureContext, Ensured, Primitive } from './primitive.ts'

export type { EnsureContext, Ensured, Primitive } from './primitive.ts'

/** All primitives by name. */
export const primitives = {} as const satisfies Readonly<Record<string, Primitive<never>>>

type Primitives = typeof primitives

/** The primitives as functions of their arguments. */
export type Ensure = {
  readonly [Name in keyof Primitives]: Primitives[Name] extends Primitive<infer Schema, infer Result> ? (args: z.input<Schema>) => Promise<Result> : never
}

/** Binds all primitives to a host and its task. Arguments are checked: mistakes are InputErrors that name the primitive and the argument. */
export function bindEnsure(context: EnsureContext): Ensure {
  const bound = Object.entries<Primitive>(primitives).map(([name, { schema, run }]) => [name, async (args: unknown): Promise<Ensured> => run(context, check(name, schema, args))])
  return Object.fromEntries(bound) as Ensure
}

function check(name: string, schema: z.ZodType, args: unknown): unknown {
  const { data, error } = schema.safeParse(args)
  if (error === undefined) return data
  throw new InputError('primitive', `ensure.${name}: ${error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`).join('; ')}`)
}
