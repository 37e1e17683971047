/** The variables of one host as templates and tasks read them: the inventory's layers, what lies below and above them, and magic. */
import { emptyRecord, type Layer } from '../vars/layer.ts'
import { Scope, type OtherHosts } from '../vars/scope.ts'
import type { Inventory } from './inventory.ts'

/** The name of the layers that no file sets. */
export const MAGIC = 'magic variables'

/** What stands around the inventory's layers. */
export interface ScopeLayers {
  /** Below everything. */
  readonly defaults?: readonly Layer[]
  /** Above the inventory: facts, variables that tasks set. */
  readonly above?: readonly Layer[]
  /** Above all but the magic variables: `--extra-vars`. */
  readonly extra?: readonly Layer[]
  /** What `hostvars` leads to; without it, the other hosts with the same `defaults` and `extra` and nothing above. */
  readonly others?: OtherHosts
}

/**
 * Makes a host's scope. The magic variables win over all others: `inventory_hostname`, `inventory_hostname_short`, `group_names`,
 * `groups` (name → names of hosts), `inventory_dir`, `inventory_file` (absent for hosts that no file names), and `hostvars`.
 * What all hosts have in common is made once, and only when it is asked for.
 * @throws InputError for a name that is no host.
 */
export function scopeFor(inventory: Inventory, host: string, { defaults = [], above = [], extra = [], others }: ScopeLayers = {}): Scope {
  const layers = [...defaults, ...inventory.writtenLayers(host), ...above, ...extra, commonMagic(inventory), magic(inventory, host)]
  return new Scope(layers, { host, others: others ?? othersOf(inventory, defaults, extra) })
}

function magic(inventory: Inventory, host: string): Layer {
  const values = emptyRecord()
  const { file, dir } = inventory.sourceOf(host)
  values['inventory_hostname'] = host
  values['inventory_hostname_short'] = host.split('.')[0]
  values['group_names'] = inventory.groupsOf(host)
  values['inventory_dir'] = dir
  if (file !== undefined) values['inventory_file'] = file
  return layer(values)
}

/** What was made for an inventory, as long as it stays as it is. */
interface Made {
  readonly version: number
  readonly layer: Layer
  readonly others: { readonly defaults: readonly Layer[]; readonly extra: readonly Layer[]; readonly hosts: OtherHosts }[]
}

const made = new WeakMap<Inventory, Made>()

function madeFor(inventory: Inventory): Made {
  let known = made.get(inventory)
  if (known?.version !== inventory.version) {
    const values = emptyRecord()
    Object.defineProperty(values, 'groups', { enumerable: true, get: () => groupLists(inventory) })
    made.set(inventory, (known = { version: inventory.version, layer: layer(values), others: [] }))
  }
  return known as Made
}

function commonMagic(inventory: Inventory): Layer {
  return madeFor(inventory).layer
}

const lists = new WeakMap<ReadonlyMap<string, readonly string[]>, Record<string, readonly string[]>>()

function groupLists(inventory: Inventory): Record<string, readonly string[]> {
  const { groups } = inventory
  let record = lists.get(groups)
  if (!record) {
    record = emptyRecord<readonly string[]>()
    for (const [name, hosts] of groups) record[name] = hosts
    lists.set(groups, record)
  }
  return record
}

function othersOf(inventory: Inventory, defaults: readonly Layer[], extra: readonly Layer[]): OtherHosts {
  const known = madeFor(inventory).others
  const same = (a: readonly Layer[], b: readonly Layer[]): boolean => a.length === b.length && a.every((item, index) => item === b[index])
  const found = known.find((other) => same(other.defaults, defaults) && same(other.extra, extra))
  if (found) return found.hosts
  const scopes = new Map<string, Scope>()
  const hosts: OtherHosts = {
    names: () => inventory.hosts,
    scope(name) {
      let scope = scopes.get(name)
      if (!scope) scopes.set(name, (scope = scopeFor(inventory, name, { defaults, extra, others: hosts })))
      return scope
    },
  }
  known.push({ defaults, extra, hosts })
  return hosts
}

function layer(values: Readonly<Record<string, unknown>>): Layer {
  return { name: MAGIC, values, origin: () => undefined }
}
