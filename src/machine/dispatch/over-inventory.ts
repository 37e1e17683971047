/** The dispatcher over an inventory: its hypervisors are looked at, its configurations placed. Nothing is changed. */
import { join } from 'node:path'
import { FarmError, InputError, InterruptedError } from '../../errors.ts'
import { becomeSpec, bindHost, connectionVars, factsOf } from '../../host/index.ts'
import { Hypervisor, libvirtUri } from '../../hypervisor/index.ts'
import { scopeFor, type Inventory } from '../../inventory/index.ts'
import { checkVars, isMap, type Layer, type Scope } from '../../vars/index.ts'
import { entryName, resolveDefinition, type ImportModule, type MatrixEntry } from '../definitions/index.ts'
import { farmDirs, placementVars, type PlacementVars } from '../farm-vars.ts'
import { hostAccess } from '../status.ts'
import { machinePrecedence, planMatrix, type ConfigSource, type MatrixHost, type MatrixPlan } from './matrix.ts'
import { onlyThese, selectsNone } from './only.ts'
import type { ResolveEntry } from './resolver.ts'
import { askOf, surveyHypervisor } from './survey.ts'

export interface InventoryRequest {
  readonly extraVars: readonly Layer[]
  /** Only the hypervisors that this pattern selects. */
  readonly limit?: string | undefined
  /** `platform/target`, with `*` for any; the variable `only` when left out. */
  readonly only?: readonly string[] | undefined
  readonly importModule: ImportModule
  /** The project: definitions of its own lie in its `inventory/`. */
  readonly projectDir: string
  readonly signal?: AbortSignal | undefined
}

/** Only looked at. */
const SILENT = { check: true, changed: () => undefined, output: () => undefined }

/** Groups whose hosts are hypervisors: the first that exists. */
const GROUPS = ['hypervisors', 'vmhost', 'all'] as const

/**
 * Asks all hypervisors of an inventory at once, each on its own, and plans localhost's machines and theirs.
 * @throws InputError for what is wrong with variables, configurations or definitions; hosts that cannot be asked are among the plan's problems.
 */
export async function planInventory(inventory: Inventory, request: InventoryRequest): Promise<MatrixPlan> {
  const { extraVars, limit, signal } = request
  const group = GROUPS.find((name) => name === 'all' || inventory.groups.has(name)) ?? 'all'
  const names = inventory.select(group, limit)
  const scopeOf = (name: string): Scope => scopeFor(inventory, name, { extra: extraVars })
  const local = scopeOf('localhost')
  const vars = checkVars(placementVars, names[0] === undefined ? local : scopeOf(names[0]), names[0] ?? 'localhost')
  // Before any host is reached: what is wrong with variables is said at once.
  const resolve = resolverFor(inventory, vars, request, scopeOf)
  const prepared = names.map((name) => ({ name, vars: checkVars(placementVars, scopeOf(name), name), config: configOf(scopeOf(name)), access: hostAccess(inventory, name, extraVars) }))
  const open: AsyncDisposable[] = []
  try {
    const hosts = await Promise.all(prepared.map(async ({ name, vars: own, config, access }): Promise<MatrixHost> => {
      try {
        const { connection } = await access.open(signal)
        open.push(connection)
        const become = becomeSpec(connectionVars(scopeOf(name)))
        const host = bindHost(connection, { name, recorder: SILENT, ...(become && { become }), ...(signal && { signal }) })
        const hypervisor = new Hypervisor(host, libvirtUri(own))
        const { user } = await factsOf(host)
        const survey = await surveyHypervisor(hypervisor, { farmName: own.farm_name, poolDir: farmDirs(own, user.home).pool })
        return { name, survey, config, resolve, ask: askOf(hypervisor) }
      } catch (error) {
        if (!(error instanceof FarmError) || error instanceof InterruptedError) throw error
        return { name, survey: { name, problem: error.message }, config, resolve }
      }
    }))
    const words = request.only ?? vars.only
    const chosen = onlyThese(words)
    const known: MatrixEntry[] = []
    const plan = await planMatrix({ hosts, config: configOf(local), only: (entry) => (known.push(entry), chosen(entry)), memoryReserve: vars.memory_reserve })
    if (words !== undefined && known.length > 0 && !known.some(chosen)) throw selectsNone(words, known)
    return plan
  } finally {
    await Promise.allSettled(open.map((connection) => connection[Symbol.asyncDispose]()))
  }
}

/** The variable `config`, and where its parts are written. */
function configOf(scope: Scope): ConfigSource | undefined {
  return scope.has('config') ? { value: scope.get('config'), origin: (path) => scope.origin('config', path) } : undefined
}

/** Resolves entries with the variables that their machine has as a host of the inventory, which are the same on every hypervisor. */
function resolverFor(inventory: Inventory, { definitions_dir }: PlacementVars, { importModule, projectDir }: InventoryRequest, scopeOf: (name: string) => Scope): ResolveEntry {
  const beside = scopeOf('localhost').get('inventory_dir')
  const dirs = [...new Set([...(definitions_dir === undefined ? [] : [definitions_dir]), ...(typeof beside === 'string' ? [beside] : []), join(projectDir, 'inventory')])]
  return (entry, facts) => {
    const { platform, target } = entry
    const name = entryName(entry)
    inventory.addHost(name, { groups: ['vms', target, platform], precedence: machinePrecedence(entry) })
    const variables = scopeOf(name)
    const override = variables.has('vm') ? variables.get('vm') : undefined
    const overrideLocation = variables.origin('vm')
    if (override !== undefined && !isMap(override)) throw new InputError('definition', `the variable vm of ${name} has to be a map of a definition's fields`, { location: overrideLocation })
    return resolveDefinition(entry, { dirs, facts, variables, override, overrideLocation, importModule })
  }
}
