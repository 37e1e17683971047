/** From text to what a schema wants: `-e vm_mem=4096` is a number where a number is wanted, and `-e create_vm=false` is false. */
import { InputError } from '../errors.ts'
import { describeValue, isMap } from './layer.ts'
import { definition, type Schema } from './shape.ts'
import { parseYaml } from './yaml.ts'

/** Text that means a boolean; nothing else does. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map(Object.entries({ true: true, yes: true, on: true, false: false, no: false, off: false }))

/**
 * The value that `schema` should judge. What cannot be converted is left as it is, for the schema to refuse.
 * Whole numbers become text where text is wanted (a release called 20241007); other numbers do not, since 1.10 has become 1.1.
 */
export function coerce(schema: Schema, value: unknown): unknown {
  const def = definition(schema)
  if (value === undefined || value === null) return value
  switch (def.type) {
    case 'number':
      return typeof value === 'string' && /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(value.trim()) ? Number(value) : value
    case 'boolean':
      return typeof value === 'string' ? toBoolean(value, def.coerce === true) : value
    case 'string':
      return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
    case 'enum':
      return toMember(Object.values(def.entries ?? {}), value)
    case 'literal':
      return toMember(def.values ?? [], value)
    case 'array':
    case 'set':
    case 'tuple':
      return toList(schema, value)
    case 'object':
    case 'record':
      return toMap(schema, value)
    case 'union':
      return toUnion(def.options ?? [], value)
    case 'intersection':
      return def.right ? coerce(def.right, def.left ? coerce(def.left, value) : value) : value
    case 'lazy':
      return def.getter ? coerce(def.getter(), value) : value
    case 'pipe':
      return throughPipe(schema, value)
    default:
      return def.innerType ? coerce(def.innerType, value) : value
  }
}

function toBoolean(text: string, coercing: boolean): boolean | string {
  const boolean = BOOLEANS.get(text.trim().toLowerCase())
  // A coercing schema would take any other text for true.
  if (boolean === undefined && coercing) throw new InputError('not-boolean', `got ${describeValue(text)}, expected boolean: true, false, yes, no, on or off`)
  return boolean ?? text
}

function accepts(schema: Schema, value: unknown): boolean {
  return (schema as unknown as { safeParse(value: unknown): { success: boolean } }).safeParse(value).success
}

/** A preprocessing function gets the value as it is written; only when that fails, what the schema behind it would like. */
function throughPipe(schema: Schema, value: unknown): unknown {
  const { in: first, out } = definition(schema)
  if (!first) return value
  if (definition(first).type !== 'transform') return coerce(first, value)
  return out && !accepts(schema, value) ? coerce(out, value) : value
}

function toUnion(options: readonly Schema[], value: unknown): unknown {
  if (options.some((option) => accepts(option, value))) return value
  for (const option of options) {
    const candidate = coerce(option, value)
    if (candidate !== value && accepts(option, candidate)) return candidate
  }
  return value
}

function toMember(members: readonly unknown[], value: unknown): unknown {
  if (members.includes(value)) return value
  const text = String(value)
  const boolean = typeof value === 'string' ? BOOLEANS.get(value.toLowerCase()) : undefined
  return members.find((member) => (typeof member === 'boolean' ? member === boolean : String(member) === text)) ?? value
}

/** `[a, b]` in YAML, or `a,b`. */
function toList(schema: Schema, value: unknown): unknown {
  const list = typeof value === 'string' ? (/^\s*\[/.test(value) ? flow(value) : split(value)) : value
  if (!Array.isArray(list)) return value
  const { element, items } = definition(schema)
  return list.map((item: unknown, index) => {
    const kind = element ?? items?.[index]
    return kind ? coerce(kind, item) : item
  })
}

function split(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((part) => part.trim())
}

function toMap(schema: Schema, value: unknown): unknown {
  const map = typeof value === 'string' && /^\s*\{/.test(value) ? flow(value) : value
  if (!isMap(map)) return value
  const { shape, valueType } = definition(schema)
  const entries = Object.entries(map).map(([key, item]) => {
    const kind = shape ? (Object.hasOwn(shape, key) ? shape[key] : undefined) : valueType
    return [key, kind ? coerce(kind, item) : item] as const
  })
  return Object.fromEntries(entries)
}

function flow(text: string): unknown {
  try {
    return parseYaml(text, 'value').value
  } catch {
    return text
  }
}

