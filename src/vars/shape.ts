/** Reading zod schemas: what a variable's type is called, and what stands under its wrappers. Uses zod's types only, not its code. */
import type { z } from 'zod'

/** A schema of any type. */
export type Schema = z.core.$ZodType

/** The parts of a schema's definition that farm reads; which are there depends on `type`. */
export interface Definition {
  readonly type: string
  readonly innerType?: Schema
  readonly element?: Schema
  readonly shape?: Readonly<Record<string, Schema>>
  readonly options?: readonly Schema[]
  readonly entries?: Readonly<Record<string, string | number>>
  readonly values?: readonly unknown[]
  readonly valueType?: Schema
  readonly items?: readonly Schema[]
  readonly in?: Schema
  readonly out?: Schema
  readonly left?: Schema
  readonly right?: Schema
  readonly getter?: () => Schema
  readonly defaultValue?: unknown
  readonly coerce?: boolean
  readonly format?: string
  readonly check?: string
  readonly checks?: readonly { readonly _zod: { readonly def: { readonly check?: string; readonly format?: string } } }[]
}

/** A schema's definition. */
export function definition(schema: Schema): Definition {
  return schema._zod.def as unknown as Definition
}

/** What an author says about a variable with `.meta({ description, unit, secret })` or `.describe()`, found under any wrapper. */
export interface Meta {
  readonly description?: string | undefined
  readonly unit?: string | undefined
  /** True for passwords and their like: what is given for it is concealed. */
  readonly secret?: boolean | undefined
}

/** Schemas from the outside in: wrappers such as optional and default first. */
export function unwrapped(schema: Schema): Schema[] {
  const chain: Schema[] = []
  for (let next: Schema | undefined = schema; next; ) {
    chain.push(next)
    const def: Definition = definition(next)
    const piped = def.type === 'pipe' ? (def.in && definition(def.in).type === 'transform' ? def.out : def.in) : undefined
    next = def.innerType ?? piped ?? (def.type === 'lazy' ? def.getter?.() : undefined)
  }
  return chain
}

/** The author's words; the outermost wins. */
export function metaOf(schema: Schema): Meta {
  const metas = unwrapped(schema).map((layer) => ((layer as { meta?: () => Meta | undefined }).meta?.() ?? {}) as Meta)
  return { description: metas.find((meta) => meta.description)?.description, unit: metas.find((meta) => meta.unit)?.unit, secret: metas.some((meta) => meta.secret === true) }
}

/** The name of a schema's type in the words of the documentation: `text`, `integer`, `list of text`, `"nat" or "routed"`. */
export function typeName(schema: Schema): string {
  const core = unwrapped(schema).at(-1) as Schema
  const def = definition(core)
  switch (def.type) {
    case 'string':
      return 'text'
    case 'number':
      return isInteger(def) ? 'integer' : 'number'
    case 'array':
    case 'set':
      return def.element ? `list of ${typeName(def.element)}` : 'list'
    case 'tuple':
      return `list of ${(def.items ?? []).map(typeName).join(', ')}`
    case 'object':
      return `map of ${Object.keys(def.shape ?? {}).join(', ')}`
    case 'record':
      return def.valueType ? `map of ${typeName(def.valueType)}` : 'map'
    case 'union':
      return [...new Set((def.options ?? []).map(typeName))].join(' or ')
    case 'enum':
      return alternatives(Object.values(def.entries ?? {}))
    case 'literal':
      return alternatives(def.values ?? [])
    case 'intersection':
      return def.left ? typeName(def.left) : 'map'
    case 'transform':
    case 'custom':
    case 'unknown':
      return 'any'
    default:
      return def.type
  }
}

function isInteger(def: Definition): boolean {
  return Boolean(def.format?.includes('int') || def.checks?.some(({ _zod: { def: check } }) => check.check === 'number_format' && check.format?.includes('int')))
}

/** `"a", "b" or "c"`. */
export function alternatives(values: readonly unknown[]): string {
  const shown = values.map((value) => JSON.stringify(value))
  return shown.length < 2 ? shown.join() : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`
}
