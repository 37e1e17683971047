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

/** Where a variable's value was written; may look it up late (the path begins with the variable's name), since few are ever asked for. */
export type Origin = Location | ((path: ValuePath) => Location | undefined)

/** The variables that one source gives to one host or group. */
class SourceLayer implements Layer {
  readonly file: string | undefined
  readonly values = emptyRecord()
  readonly #holder: string
  readonly #origins = new Map<string, Origin>()

  constructor(holder: string, file: string | undefined) {
    this.#holder = holder
    this.file = file
  }

  get name(): string {
    return `${this.file ?? 'the run'}, ${this.#holder}`
  }

  set(key: string, value: unknown, origin: Origin): void {
    this.values[key] = value
    this.#origins.set(key, origin)
  }

  origin(path: ValuePath): Location | undefined {
    const origin = this.#origins.get(String(path[0]))
    return typeof origin === 'function' ? origin(path) : origin
  }
}

/** What hosts and groups have in common: variables, one layer per source. */
class Holder {
  readonly name: string
  readonly #label: string
  readonly #layers: SourceLayer[] = []

  constructor(name: string, label: string) {
    this.name = name
    this.#label = label
  }

  get layers(): readonly Layer[] {
    return this.#layers
  }

  set(source: string | undefined, key: string, value: unknown, origin: Origin): void {
    if (isPoison(key)) throw poisonError(key, place(origin, key))
    let layer = this.#layers.at(-1)
    if (layer === undefined || layer.file !== source) this.#layers.push((layer = new SourceLayer(this.#label, source)))
    layer.set(key, value, origin)
  }
}

/** A host as the sources name it. */
export class InventoryHost extends Holder {
  /** The groups that name it directly. */
  readonly groups = new Set<Group>()
  /** The file that named it first; undefined for names of a command line and of a run. */
  readonly file: string | undefined

  constructor(name: string, file?: string) {
    super(name, `host ${name}`)
    this.file = file
  }
}

/** A group: hosts and groups of its own, in the order of the files. */
export class Group extends Holder {
  readonly hosts = new Set<InventoryHost>()
  readonly children = new Set<Group>()
  readonly parents = new Set<Group>()
  /** `ansible_group_priority`: the higher wins among groups of one depth. */
  priority = 1

  constructor(name: string) {
    super(name, `group ${name}`)
  }

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

/** The inventory under construction; hosts and groups may be added later, too. */
export class Draft {
  readonly hosts = new Map<string, InventoryHost>()
  readonly groups = new Map<string, Group>()
  readonly warnings: Warning[] = []
  /** The file that is being read. */
  reading: string | undefined
  /** Counts what changes who is in which group, for those who keep what they found out. */
  version = 0

  constructor() {
    this.addChild(this.group('all'), this.group('ungrouped'))
  }

  group(name: string): Group {
    let group = this.groups.get(name)
    if (!group) {
      this.groups.set(name, (group = new Group(name)))
      this.version++
    }
    return group
  }

  /**
   * Adds a host to a group, making it when it is new.
   * @throws InputError for an empty name.
   */
  host(name: string, group: Group, location?: Location): InventoryHost {
    let host = this.hosts.get(name)
    if (!host) {
      if (name === '') throw new InputError('host-name', 'a host has no name', { location })
      this.hosts.set(name, (host = new InventoryHost(name, this.reading)))
    }
    if (!group.hosts.has(host)) this.version++
    group.hosts.add(host)
    host.groups.add(group)
    return host
  }

  /** Adds the hosts of one entry; a port beside a name counts only for a host that is new, as in Ansible. */
  hostsAt(names: readonly string[], port: number | undefined, group: Group, location?: Location, origin?: Origin): InventoryHost[] {
    return names.map((name) => {
      const isNew = !this.hosts.has(name)
      const host = this.host(name, group, location)
      if (isNew && port !== undefined) this.setHostVar(this.reading, host, 'ansible_port', port, origin ?? location ?? { file: name })
      return host
    })
  }

  /** @throws InputError when the child already contains the parent. */
  addChild(parent: Group, child: Group, origin?: Origin): void {
    const refuse = (why: string): InputError => new InputError('group-loop', why, { location: origin && place(origin, child.name) })
    if (parent === child) throw refuse(`the group ${parent.name} cannot be its own child`)
    if (child.name === 'all') throw refuse(`all contains every group and cannot be a child of ${parent.name}`)
    if (isBelow(parent, child)) throw refuse(`making ${child.name} a child of ${parent.name} closes a circle of groups`)
    parent.children.add(child)
    child.parents.add(parent)
    this.version++
  }

  setHostVar(source: string | undefined, host: InventoryHost, key: string, value: unknown, origin: Origin): void {
    host.set(source, key, value, origin)
  }

  setGroupVar(source: string | undefined, group: Group, key: string, value: unknown, origin: Origin): void {
    if (key !== 'ansible_group_priority') return group.set(source, key, value, origin)
    const priority = typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && /^\s*[-+]?\d+\s*$/.test(value)) ? Math.trunc(Number(value)) : NaN
    if (Number.isNaN(priority)) {
      throw new InputError('group-priority', `ansible_group_priority of ${group.name} must be a whole number`, { location: place(origin, key) })
    }
    group.priority = priority
  }

  warn(message: string, location?: Location): void {
    this.warnings.push({ message, location })
  }

  /** Ties loose ends after all sources: groups without parents belong to `all`, hosts without groups to `ungrouped`. */
  finish(): void {
    const all = this.group('all')
    for (const group of this.groups.values()) if (group !== all && group.parents.size === 0) this.addChild(all, group)
    for (const host of this.hosts.values()) this.settle(host)
    for (const name of this.hosts.keys()) if (this.groups.has(name)) this.warn(`${name} is the name of a host and of a group`)
  }

  /** A host is in `ungrouped` as long as no other group but `all` names it. */
  settle(host: InventoryHost): void {
    const ungrouped = this.group('ungrouped')
    let real = false
    for (const group of host.groups) real ||= group !== ungrouped && group.name !== 'all'
    if (real) {
      ungrouped.hosts.delete(host)
      host.groups.delete(ungrouped)
    } else this.host(host.name, ungrouped)
  }
}

function place(origin: Origin, key: string): Location | undefined {
  return typeof origin === 'function' ? origin([key]) : origin
}

function isBelow(group: Group, top: Group): boolean {
  for (const parent of group.parents) if (parent === top || isBelow(parent, top)) return true
  return false
}
