/** What `farm describe` says about a recipe's variables. */
import type { z } from 'zod'
import { definition, metaOf, typeName, unwrapped, type Schema } from './shape.ts'

/** One variable of a recipe. */
export interface VarDescription {
  readonly name: string
  /** In words: `text`, `integer`, `list of text`, `"nat" or "routed"`. */
  readonly type: string
  /** Of numbers, when the author gave one: `MiB`. */
  readonly unit?: string
  readonly default?: unknown
  /** True when the recipe does not run without it. */
  readonly required: boolean
  /** There when what is given for it is concealed. */
  readonly secret?: true
  /** Empty when the author wrote none. */
  readonly description: string
}

/** Describes every variable of a schema, in its order. Units and descriptions come from `.meta({ unit, description })`. */
export function describeVars(schema: z.ZodObject): VarDescription[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const { unit, secret, description = '' } = metaOf(field as Schema)
    const preset = defaultOf(field as Schema)
    const required = !(field as unknown as { safeParse(value: unknown): { success: boolean } }).safeParse(undefined).success
    return { name, type: typeName(field as Schema), ...(unit === undefined ? {} : { unit }), ...(preset === undefined ? {} : { default: preset }), required, ...(secret === true && { secret }), description }
  })
}

function defaultOf(schema: Schema): unknown {
  const holder = unwrapped(schema).find((layer) => ['default', 'prefault', 'catch'].includes(definition(layer).type))
  return holder && definition(holder).defaultValue
}
