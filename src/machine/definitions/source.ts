/** One definition file, read but not rendered: its fields, its parameters, what it extends and what it requires. */
import { InputError, type Location } from '../../errors.ts'
import { readText } from '../../vars/load.ts'
import { describeValue, emptyRecord, isMap, isPoison, poisonError, type ValuePath } from '../../vars/layer.ts'
import { parseYaml } from '../../vars/yaml.ts'
import { isPartName } from './matrix.ts'
import type { Origin } from './problems.ts'
import type { DefinitionFacts } from './types.ts'

/** What the function of a `.ts` or `.js` definition is given. */
export interface DefinitionContext {
  readonly hypervisor: DefinitionFacts
  readonly platform: string
  readonly target: string
  readonly params: Readonly<Record<string, unknown>>
  /** What the files before have said. */
  readonly vm: Readonly<Record<string, unknown>>
  readonly variables: Readonly<Record<string, unknown>>
}

/** A condition of a file, not rendered. */
export interface Requirement {
  readonly that: unknown
  readonly message: unknown
  readonly hint?: unknown
}

/** A file, or another place that sets fields of a definition. */
export interface DefinitionSource {
  /** For messages: `target amd64`, `platform debian_12`. */
  readonly label: string
  readonly file: string | undefined
  readonly parent: string | undefined
  readonly params: Readonly<Record<string, unknown>>
  readonly require: readonly Requirement[]
  /** Raw fields, or what makes them. Templates in raw fields are rendered only when they come from a file. */
  readonly fields: Readonly<Record<string, unknown>> | ((context: DefinitionContext) => unknown)
  readonly templates: boolean
  readonly origin: Origin
}

export type ImportModule = (file: string) => Promise<Record<string, unknown>>

/** @throws InputError for what is no definition file; those of the parser, and of `importModule`. */
export async function readSource(file: string, label: string, importModule: ImportModule): Promise<DefinitionSource> {
  return /\.[tj]s$/.test(file) ? readModule(file, label, importModule) : readYaml(file, label)
}

async function readYaml(file: string, label: string): Promise<DefinitionSource> {
  const { value, locate } = parseYaml((await readText(file)).replace(/^\uFEFF/, ''), file)
  const origin: Origin = (path) => locate(path)
  if (value !== null && !isMap(value)) throw new InputError('definition-shape', `a definition is a map of fields, got ${describeValue(value)}`, { location: origin([]) ?? { file } })
  const { extends: parent, params, require, ...fields } = value ?? {}
  return { label, file, parent: parentOf(parent, origin(['extends'])), params: paramsOf(params, origin(['params'])), require: requirementsOf(require, origin), fields, templates: true, origin }
}

async function readModule(file: string, label: string, importModule: ImportModule): Promise<DefinitionSource> {
  const module = await importModule(file)
  const define = module['default']
  const location: Location = { file }
  if (typeof define !== 'function') {
    throw new InputError('definition-shape', `${file} exports no function by default`, { location, hint: 'export default ({ hypervisor, params, vm }) => ({ memory: 2048 })' })
  }
  const fields = (context: DefinitionContext): unknown => (define as (context: DefinitionContext) => unknown)(context)
  return { label, file, parent: parentOf(module['parent'], location), params: paramsOf(module['params'], location), require: [], fields, templates: false, origin: () => location }
}

/** Fields that the caller has: an entry of the matrix, or the variable `vm`; they are data, and never templates. */
export function dataSource(label: string, values: Readonly<Record<string, unknown>>, location: Location | undefined): DefinitionSource {
  const { params, ...fields } = values
  return { label, file: undefined, parent: undefined, params: paramsOf(params, location), require: [], fields: fields as Record<string, unknown>, templates: false, origin: () => location }
}

/**
 * The fields of a module's function, run.
 * @throws InputError for what it threw, and for what is no definition.
 */
export async function runFunction(source: DefinitionSource, define: (context: DefinitionContext) => unknown, context: DefinitionContext): Promise<Record<string, unknown>> {
  const location = source.origin([])
  let result: unknown
  try {
    result = await define(context)
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw new InputError('definition-function', `${source.label}: ${cause instanceof Error ? cause.message : String(cause)}`, { location: placeOf(cause, source.file) ?? location, cause })
  }
  if (!isMap(result)) throw new InputError('definition-shape', `the function of ${source.label} gives ${describeValue(result)}, expected a map of fields`, { location })
  for (const [key, name] of [['extends', 'parent'], ['params', 'params']] as const) {
    if (key in result) throw new InputError('definition-shape', `${key} is no part of what the function of ${source.label} gives`, { location, hint: `write it beside the function: export const ${name} = …` })
  }
  return plainData(result, [], source, location) as Record<string, unknown>
}

/** Numbers, texts, booleans, null, lists and maps; undefined is left out as in JSON. */
function plainData(value: unknown, path: ValuePath, source: DefinitionSource, location: Location | undefined): unknown {
  if (value === null || ['string', 'boolean'].includes(typeof value) || (typeof value === 'number' && Number.isFinite(value))) return value
  if (Array.isArray(value)) return value.map((item, index) => plainData(item, [...path, index], source, location))
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined
  // A module may come from another realm, whose Object is not ours.
  if (!isMap(value) || (prototype !== null && Object.getPrototypeOf(prototype) !== null)) {
    throw new InputError('definition-shape', `${path.join('.')} of ${source.label} is ${typeof value === 'object' ? 'an object of a class' : `a ${typeof value}`}, expected plain data`, { location })
  }
  const result = emptyRecord()
  for (const [key, item] of Object.entries(value)) {
    if (isPoison(key)) throw poisonError(key, location)
    if (item !== undefined) result[key] = plainData(item, [...path, key], source, location)
  }
  return result
}

/** Where in the file an error was thrown. */
function placeOf(error: unknown, file: string | undefined): Location | undefined {
  const frame = error instanceof Error && file !== undefined ? (error.stack ?? '').split('\n').find((line) => line.includes(file)) : undefined
  const at = frame === undefined ? null : /:(\d+):(\d+)\)?$/.exec(frame)
  return at === null || file === undefined ? undefined : { file, line: Number(at[1]), column: Number(at[2]) }
}

function parentOf(value: unknown, location: Location | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && isPartName(value)) return value
  throw new InputError('definition-shape', `extends: got ${describeValue(value)}, expected the name of a definition of the same kind`, { location })
}

function paramsOf(value: unknown, location: Location | undefined): Record<string, unknown> {
  if (value === undefined || value === null) return emptyRecord()
  if (isMap(value)) return value
  throw new InputError('definition-shape', `params: got ${describeValue(value)}, expected a map`, { location })
}

function requirementsOf(value: unknown, origin: Origin): Requirement[] {
  if (value === undefined || value === null) return []
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((item, index) => {
    const strange = isMap(item) ? Object.keys(item).filter((key) => !['that', 'message', 'hint'].includes(key)) : []
    if (!isMap(item) || item['that'] === undefined || item['message'] === undefined || strange.length > 0) {
      throw new InputError('definition-shape', `require: got ${describeValue(item)}, expected a map of that (a condition), message and hint`, { location: origin(['require', index]) ?? origin(['require']) })
    }
    return { that: item['that'], message: item['message'], ...(item['hint'] === undefined || item['hint'] === null ? {} : { hint: item['hint'] }) }
  })
}
