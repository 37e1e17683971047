/** The expressions of a definition file, rendered with what is known of the hypervisor, the machine, and the fields so far. */
import { InputError, type Location } from '../../errors.ts'
import { describeValue, emptyRecord, isMap, isPoison, untrusted, type Layer, type ValuePath } from '../../vars/layer.ts'
import { Scope } from '../../vars/scope.ts'
import { runFunction, type DefinitionSource } from './source.ts'
import type { DefinitionFacts } from './types.ts'

/** The machine's variables: plain values, or a scope that renders them when they are asked for. */
export type DefinitionVariables = Readonly<Record<string, unknown>> | Scope

/** What all files of a definition see. */
export interface Surroundings {
  readonly platform: string
  readonly target: string
  readonly hypervisor: DefinitionFacts
  readonly variables: DefinitionVariables
}

/** The parameters of all files, merged, with the places where each is written. */
export interface Parameters {
  readonly fields: Readonly<Record<string, unknown>>
  readonly origin: (path: ValuePath) => Location | undefined
}

/**
 * One source's fields as plain data.
 * @throws InputError for an expression that cannot be rendered, and for a `require` that does not hold.
 */
export async function renderSource(source: DefinitionSource, around: Surroundings, vm: Readonly<Record<string, unknown>>, params: Parameters): Promise<Record<string, unknown>> {
  const { fields, templates } = source
  if (typeof fields !== 'function' && !templates) return fields as Record<string, unknown>
  const known = [variablesLayer(around.variables), contextLayer(around, vm), paramsLayer(params)]
  if (typeof fields === 'function') {
    return runFunction(source, fields, { ...around, params: readParams(params, known), vm: structuredClone(vm), variables: plainVariables(around.variables) })
  }
  const scope = new Scope([...known, fieldsLayer(source, fields)])
  checkRequirements(source, scope, `${around.platform} on ${around.target}`)
  return scope.get(source.label) as Record<string, unknown>
}

/** The file's fields and requirements under names that no variable has, so that none of them hides a variable. */
function fieldsLayer({ label, file, origin, require }: DefinitionSource, fields: Readonly<Record<string, unknown>>): Layer {
  const values = emptyRecord()
  const places = new Map<string, Location | undefined>()
  values[label] = fields
  for (const [index, requirement] of require.entries()) {
    for (const [key, value] of Object.entries(requirement)) {
      const name = partName(label, index, key)
      values[name] = value
      places.set(name, origin(['require', index, key]) ?? origin(['require']))
    }
  }
  return { name: file ?? label, file, values, origin: ([name, ...path]) => (name === label ? (origin(path) ?? origin([])) : places.get(String(name))) }
}

function partName(label: string, index: number, key: string): string {
  return `${label}: require[${index}].${key}`
}

/** Parts are rendered one by one: a message may name what is there only when the condition fails. */
function checkRequirements({ label, require }: DefinitionSource, scope: Scope, machine: string): void {
  for (const [index, { hint }] of require.entries()) {
    const name = partName(label, index, 'that')
    const location = scope.origin(name)
    const holds = scope.get(name)
    if (typeof holds !== 'boolean') throw new InputError('definition-require', `${name}: got ${describeValue(holds)}, expected true or false`, { location })
    if (holds) continue
    throw new InputError('definition-require', `${machine}: ${String(scope.get(partName(label, index, 'message')))}`, { location, hint: hint === undefined ? undefined : String(scope.get(partName(label, index, 'hint'))) })
  }
}

/** The parameters for a function: each is rendered when the function asks for it. */
function readParams(params: Parameters, known: readonly Layer[]): Record<string, unknown> {
  const names = Object.keys(params.fields)
  const scope = new Scope([...known, { name: 'parameters', values: Object.fromEntries(names.map((name) => [`params.${name}`, params.fields[name]])), origin: ([name, ...path]) => params.origin([String(name).slice('params.'.length), ...path]) }])
  const result = emptyRecord()
  for (const name of names) Object.defineProperty(result, name, { enumerable: true, get: () => scope.get(`params.${name}`) })
  return result
}

function contextLayer({ platform, target, hypervisor }: Surroundings, vm: Readonly<Record<string, unknown>>): Layer {
  const values = emptyRecord()
  Object.assign(values, { platform: untrusted(platform), target: untrusted(target), vm: untrusted(vm) })
  // Read only where a file asks for it: others are the same on every hypervisor, and resolved once.
  Object.defineProperty(values, 'hypervisor', { enumerable: true, get: () => untrusted({ ...hypervisor }) })
  return { name: 'what definitions know', values, origin: () => undefined }
}

function paramsLayer({ fields, origin }: Parameters): Layer {
  const values = emptyRecord()
  values['params'] = fields
  return { name: 'parameters', values, origin: ([, ...path]) => origin(path) }
}

/** The variables under their own names, and all of them as `variables`; each is asked for when a template uses it. */
function variablesLayer(variables: DefinitionVariables): Layer {
  const values = emptyRecord()
  const own = plainVariables(variables)
  for (const name of Object.keys(own)) Object.defineProperty(values, name, { enumerable: true, get: () => untrusted(own[name]) })
  Object.defineProperty(values, 'variables', { enumerable: true, configurable: true, get: () => untrusted({ ...own }) })
  return { name: 'variables', values, origin: ([name]) => (variables instanceof Scope && typeof name === 'string' && variables.has(name) ? variables.origin(name) : undefined) }
}

function plainVariables(variables: DefinitionVariables): Record<string, unknown> {
  const values = emptyRecord()
  const names = variables instanceof Scope ? variables.names() : isMap(variables) ? Object.keys(variables) : []
  for (const name of names) {
    if (!isPoison(name) && name !== 'variables') Object.defineProperty(values, name, { enumerable: true, get: () => (variables instanceof Scope ? variables.get(name) : variables[name]) })
  }
  return values
}
