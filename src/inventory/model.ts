/**
 * Hosts and groups while the sources are read, and the rules that tie them together afterwards. Sources are read in order; what a
 * later one sets wins.
 */
import { InputError, type Location } from '../errors.ts'
import { emptyRecord, isPoison, poisonError, type Layer, type ValuePath } from '../vars/layer.ts'

/** Something that is not an error and should be said: `farm inventory` and runs show it. */
export interface Warning {
  readonly message: string
  readonly location?: Location | undefined
}

/** Where a variable's value was written; may look it up late, since few are ever asked for. */
export type Origin = Location | ((rest: ValuePath) => Location | undefined)

/** The variables that one source gives to one host or group. */
class SourceLayer implements Layer {
  readonly name: string
  readonly file: string | undefined
  readonly values = emptyRecord()
  readonly #origins = new Map<string, Origin>()

  constructor(name: string, file: string | undefined) {
    this.name = name
    this.file = file
  }

  set(key: string, value: unknown, origin: Origin): void {
    this.values[key] = value
    this.#origins.set(key, origin)
  }

  origin([key, ...rest]: ValuePath): Location | undefined {
    const origin = this.#origins.get(String(key))
    return typeof origin === 'function' ? origin(rest) : origin
  }
}

/** What hosts and groups have in common: variables, one layer per source. */
class Holder {
  readonly name: string
  readonly #layers: SourceLayer[] = []

  constructor(name: string) {
    this.name = name
  }

  get layers(): readonly Layer[] {
    return this.#layers
  }

  set(source: string, label: string, key: string, value: unknown, origin: Origin): void {
    if (isPoison(key)) throw poisonError(key, typeof origin === 'function' ? origin([]) : origin)
    let layer = this.#layers.at(-1)
    if (layer?.file !== source) this.#layers.push((layer = new SourceLayer(`${source}, ${label}`, source)))
    layer?.set(key, value, origin)
  }
}

/** A host as the sources name it. */
export class InventoryHost extends Holder {
  /** The groups that name it directly. */
  readonly groups = new Set<Group>()
}

/** A group: hosts and groups of its own, in the order of the files. */
export class Group extends Holder {
  readonly hosts = new Set<InventoryHost>()
  readonly children = new Set<Group>()
  readonly parents = new Set<Group>()
  /** `ansible_group_priority`: the higher wins among groups of one depth. */
  priority = 1

  /** The longest way up to a group without parents. */
  get depth(): number {
    let depth = 0
    for (const parent of this.parents) depth = Math.max(depth, parent.depth + 1)
    return depth
  }

  /** Hosts of the group and of its children: its own first, depth first, each once. */
  allHosts(): Set<InventoryHost> {
    const hosts = new Set<InventoryHost>()
    const seen = new Set<Group>()
    const visit = (group: Group): void => {
      if (seen.has(group)) return
      seen.add(group)
      for (const host of group.hosts) hosts.add(host)
      for (const child of group.children) visit(child)
    }
    visit(this)
    return hosts
  }
}

/** The inventory under construction. */
export class Draft {
  readonly hosts = new Map<string, InventoryHost>()
  readonly groups = new Map<string, Group>()
  readonly warnings: Warning[] = []

  constructor() {
    this.group('all')
    this.group('ungrouped')
  }

  group(name: string): Group {
    let group = this.groups.get(name)
    if (!group) this.groups.set(name, (group = new Group(name)))
    return group
  }

  /** Adds a host to a group, making it when it is new. */
  host(name: string, group: Group): InventoryHost {
    let host = this.hosts.get(name)
    if (!host) this.hosts.set(name, (host = new InventoryHost(name)))
    group.hosts.add(host)
    host.groups.add(group)
    return host
  }

  /** @throws InputError when the child already contains the parent. */
  addChild(parent: Group, child: Group, location?: Location): void {
    if (parent === child) throw new InputError('group-loop', `the group ${parent.name} cannot be its own child`, { location })
    if (isBelow(parent, child)) throw new InputError('group-loop', `making ${child.name} a child of ${parent.name} closes a circle of groups`, { location })
    parent.children.add(child)
    child.parents.add(parent)
  }

  setHostVar(source: string, host: InventoryHost, key: string, value: unknown, origin: Origin): void {
    host.set(source, `host ${host.name}`, key, value, origin)
  }

  setGroupVar(source: string, group: Group, key: string, value: unknown, origin: Origin): void {
    if (key === 'ansible_group_priority') {
      if (!Number.isInteger(Number(value))) {
        const location = typeof origin === 'function' ? origin([]) : origin
        throw new InputError('group-priority', `ansible_group_priority of ${group.name} must be a whole number`, { location })
      }
      group.priority = Number(value)
    } else group.set(source, `group ${group.name}`, key, value, origin)
  }

  warn(message: string, location?: Location): void {
    this.warnings.push({ message, location })
  }

  /** Ties loose ends after all sources: groups without parents belong to `all`, hosts without groups to `ungrouped`. */
  finish(): void {
    const all = this.group('all')
    const ungrouped = this.group('ungrouped')
    for (const group of this.groups.values()) if (group !== all && group.parents.size === 0) this.addChild(all, group)
    for (const host of this.hosts.values()) {
      const real = [...host.groups].some((group) => group !== all && group !== ungrouped)
      if (real) {
        ungrouped.hosts.delete(host)
        host.groups.delete(ungrouped)
      } else {
        ungrouped.hosts.add(host)
        host.groups.add(ungrouped)
      }
    }
    for (const name of this.hosts.keys()) if (this.groups.has(name)) this.warn(`${name} is the name of a host and of a group`)
  }
}

function isBelow(group: Group, top: Group): boolean {
  for (const parent of group.parents) if (parent === top || isBelow(parent, top)) return true
  return false
}
