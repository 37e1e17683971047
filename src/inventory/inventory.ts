/** The inventory as the layers above use it: hosts, groups, patterns, and the variables of each host in Ansible's order. */
import { dirname, resolve } from 'node:path'
import { InputError, type Location } from '../errors.ts'
import { layerOf, type Layer } from '../vars/layer.ts'
import { didYouMean } from '../suggest.ts'
import { graphLines } from './graph.ts'
import { hostJson, hostVars, listJson, listTree, type Choice } from './json.ts'
import { Draft, type Group, type InventoryHost, type Warning } from './model.ts'
import { evaluate, LOCALHOSTS, splitByPresence, splitLimit, splitPattern, wouldSelect, type SplitLimit, type Unknown } from './pattern.ts'
import { VarsDirectory } from './vars-files.ts'

/** What a host or group that comes to be during a run starts with. */
export interface AddedHost {
  readonly groups?: readonly string[]
  readonly variables?: Readonly<Record<string, unknown>>
  /** Where it was asked for. */
  readonly origin?: Location | undefined
  /**
   * Names whose variables win over those of all other groups, the last one over all: groups, group_vars/ without a group, and other
   * hosts that stand for this one. Only what is said of the host itself is stronger.
   */
  readonly precedence?: readonly string[] | undefined
}

/** What is shown of an inventory. */
export interface Shown {
  /** Layers that win over all others: `--extra-vars`. */
  readonly extra?: readonly Layer[] | undefined
  /** The only hosts to show; all when left out. */
  readonly hosts?: Iterable<string> | undefined
}

/** Hosts, groups and their variables. A run may add hosts and groups, and nothing else changes once it is loaded. */
export class Inventory {
  readonly #draft: Draft
  readonly #inner: readonly VarsDirectory[]
  readonly #outer: VarsDirectory[]
  readonly #cwd: string
  /** Sorted ancestors, by the names of a host's own groups: few lists serve many hosts. */
  readonly #chains = new Map<string, readonly Group[]>()
  readonly #implicit = new Map<string, InventoryHost>()
  readonly #precedence = new Map<string, readonly string[]>()
  #known: { readonly version: number; readonly hosts: readonly string[]; groups?: ReadonlyMap<string, readonly string[]> } = { version: -1, hosts: [] }

  constructor(draft: Draft, inner: readonly VarsDirectory[], outer: readonly VarsDirectory[], cwd: string) {
    this.#draft = draft
    this.#inner = inner
    this.#outer = [...outer]
    this.#cwd = cwd
  }

  /** Changes whenever a host or a group is added: for those who keep what they were told. */
  get version(): number {
    return this.#draft.version
  }

  /** Names of all hosts, in the order of the sources. */
  get hosts(): readonly string[] {
    if (this.#known.version !== this.version) this.#known = { version: this.version, hosts: [...this.#draft.hosts.keys()] }
    return this.#known.hosts
  }

  /** All groups with the names of their hosts (those of child groups included), `all` and `ungrouped` first. */
  get groups(): ReadonlyMap<string, readonly string[]> {
    const { hosts } = this
    return (this.#known.groups ??= new Map([...this.#draft.groups.values()].map((group) => [group.name, group.name === 'all' ? hosts : [...group.allHosts()].map((host) => host.name)])))
  }

  /** The groups directly below one. */
  children(group: string): readonly string[] {
    return [...(this.#draft.groups.get(group)?.children ?? [])].map((child) => child.name)
  }

  /** What is no error and should be said. */
  get warnings(): readonly Warning[] {
    return this.#draft.warnings
  }

  /**
   * The hosts that `pattern` selects, narrowed by `limit` (which may contain `@file`, or has been split by {@link splitLimit}).
   * @param options `unknown` says which unknown names match nothing: groups that a run is still to make, or all of them; `empty`: a
   *   limit may leave no host.
   * @throws InputError for unknown plain names otherwise, and when a limit leaves no host.
   */
  select(pattern: string, limit?: string | readonly string[], options: { readonly unknown?: Unknown; readonly empty?: boolean } = {}): string[] {
    const unknown = options.unknown ?? 'refuse'
    const hosts = evaluate(splitPattern(pattern || 'all'), this.#draft, unknown)
    if (limit === undefined) return [...hosts]
    const allowed = evaluate(this.#elements(limit), this.#draft, unknown)
    const left = [...hosts].filter((host) => allowed.has(host))
    if (left.length === 0 && options.empty !== true) throw new InputError('no-hosts', `the limit ${JSON.stringify(limit)} leaves none of the hosts ${JSON.stringify(pattern)}`)
    return left
  }

  /** Splits a limit for a run in which hosts come to be. @throws InputError for a broken expression */
  splitLimit(limit: string): SplitLimit {
    return splitByPresence(this.#elements(limit), this.#draft)
  }

  /** Whether a limit would leave a host if it were added to these groups. */
  wouldSelect(limit: string | readonly string[], name: string, groups: readonly string[]): boolean {
    return wouldSelect(this.#elements(limit), name, groups)
  }

  /**
   * Adds a host during a run, or gives one that is known more groups and variables. Its variables win over those of the sources;
   * group_vars/ and host_vars/ of new names are read now.
   * @throws InputError for an empty name, a reserved variable, and for files of variables that are wrong.
   */
  addHost(name: string, { groups = [], variables = {}, origin, precedence }: AddedHost = {}): void {
    const draft = this.#draft
    const host = draft.host(name, draft.group('all'), origin)
    for (const group of groups) draft.host(name, this.#group(group))
    for (const [key, value] of Object.entries(variables)) draft.setHostVar(undefined, host, key, value, () => origin)
    if (precedence !== undefined) {
      for (const group of precedence) if (draft.groups.has(group)) draft.host(name, this.#group(group))
      this.#precedence.set(name, precedence)
    }
    draft.settle(host)
    for (const dir of [...this.#inner, ...this.#outer]) {
      dir.host(name)
      precedence?.forEach((other) => dir.read(other))
    }
  }

  /**
   * Puts a host into a group, making the group when it is new.
   * @throws InputError for a name that is no host.
   */
  addToGroup(name: string, group: string): void {
    if (!this.#draft.hosts.has(name) && LOCALHOSTS.includes(name)) this.addHost(name, { variables: { ansible_connection: 'local' } })
    const host = this.#draft.host(this.#host(name).name, this.#group(group))
    this.#draft.settle(host)
  }

  /** Reads the group_vars/ and host_vars/ of one more directory, the recipe's: they win over those read before. */
  readVarsBeside(dir: string): void {
    const path = resolve(this.#cwd, dir)
    if (this.#outer.some((known) => known.path === path)) return
    const directory = new VarsDirectory(path, false)
    directory.readAll(this.#draft)
    this.#outer.push(directory)
  }

  /**
   * The layers that set a host's variables, lowest first: the magic variables, then Ansible's order.
   * @throws InputError for a name that is no host; `localhost` always is one.
   */
  layers(name: string): Layer[] {
    const host = this.#host(name)
    return [this.#magic(host, this.#chain(host)), ...this.writtenLayers(name)]
  }

  /** As {@link layers}, without the magic variables. */
  writtenLayers(name: string): Layer[] {
    const host = this.#host(name)
    const order = this.#precedence.get(name) ?? []
    const groups = order.length === 0 ? this.#chain(host) : this.#chain(host).filter((group) => !order.includes(group.name))
    const all = this.#draft.group('all')
    const own = (dirs: readonly VarsDirectory[]): readonly Layer[] => dirs.flatMap((dir) => dir.host(name))
    return [
      ...all.layers,
      ...groups.flatMap((group) => group.layers),
      ...files(this.#inner, [all]),
      ...files(this.#outer, [all]),
      ...files(this.#inner, groups),
      ...files(this.#outer, groups),
      ...order.flatMap((other) => this.#layersNamed(other, name)),
      ...host.layers,
      ...own(this.#inner),
      ...own(this.#outer),
    ]
  }

  /** Names of the groups that a host is in, `all` excepted, in alphabetical order. */
  groupsOf(name: string): string[] {
    return this.#chain(this.#host(name)).map((group) => group.name).sort()
  }

  /** The file that named a host first, and the directory it is in; a list of names on the command line is in the project's. */
  sourceOf(name: string): { readonly file: string | undefined; readonly dir: string } {
    const { file } = this.#host(name)
    return { file, dir: file === undefined ? this.#cwd : dirname(file) }
  }

  /** The JSON of `ansible-inventory --list`. */
  toList({ extra = [], hosts }: Shown = {}): Record<string, unknown> {
    return listJson(this.#draft, (host) => this.toHost(host, extra), chosen(hosts))
  }

  /** The JSON of `ansible-inventory --host`: raw values, without the magic variables. */
  toHost(name: string, extra: readonly Layer[] = []): Record<string, unknown> {
    return hostJson([...this.writtenLayers(name), ...extra])
  }

  /** The data of `ansible-inventory --list --yaml`: values keep their tags. */
  toTree({ extra = [], hosts }: Shown = {}): Record<string, unknown> {
    return listTree(this.#draft, (host) => this.toHostTree(host, extra), chosen(hosts))
  }

  /** As {@link toHost}, with tags: for YAML. */
  toHostTree(name: string, extra: readonly Layer[] = []): Record<string, unknown> {
    return hostVars([...this.writtenLayers(name), ...extra])
  }

  /**
   * The lines of `ansible-inventory --graph [GROUP] [--vars]`.
   * @throws InputError when there is no such group.
   */
  toGraph(name = 'all', { extra = [], hosts, vars = false }: Shown & { readonly vars?: boolean } = {}): string[] {
    const group = this.#draft.groups.get(name)
    if (!group) throw new InputError('unknown-group', `no group is called ${name}`, { hint: didYouMean(name, this.#draft.groups.keys()) })
    const dirs = [...this.#inner, ...this.#outer].filter((dir) => dir.besideInventory)
    const groupVars = (of: Group): Record<string, unknown> => ({ ...hostVars([...of.layers, ...files(dirs, [of])]), ...(of.priority === 1 ? {} : { ansible_group_priority: of.priority }) })
    return graphLines(group, { chosen: chosen(hosts), ...(vars ? { groupVars, hostVars: (host) => this.toHostTree(host, extra) } : {}) })
  }

  /** What is said of a group, and of a host of that name unless it is the one itself. */
  #layersNamed(name: string, itself: string): Layer[] {
    const dirs = [...this.#inner, ...this.#outer]
    const group = [...(this.#draft.groups.get(name)?.layers ?? []), ...dirs.flatMap((dir) => dir.group(name))]
    return name === itself ? group : [...group, ...(this.#draft.hosts.get(name)?.layers ?? []), ...dirs.flatMap((dir) => dir.host(name))]
  }

  #elements(limit: string | readonly string[]): readonly string[] {
    return typeof limit === 'string' ? splitLimit(limit, this.#cwd) : limit
  }

  #group(name: string): Group {
    const isNew = !this.#draft.groups.has(name)
    const group = this.#draft.group(name)
    if (isNew) {
      this.#draft.addChild(this.#draft.group('all'), group)
      for (const dir of [...this.#inner, ...this.#outer]) dir.group(name)
    }
    return group
  }

  #host(name: string): InventoryHost {
    const host = this.#draft.hosts.get(name) ?? this.#implicit.get(name)
    if (host) return host
    if (!LOCALHOSTS.includes(name)) throw new InputError('unknown-host', `no host is called ${name}`, { hint: didYouMean(name, this.hosts) })
    const draft = new Draft()
    const made = draft.host(name, draft.group('all'))
    draft.setHostVar('implicit localhost', made, 'ansible_connection', 'local', { file: 'implicit localhost' })
    made.groups.clear()
    this.#implicit.set(name, made)
    return made
  }

  /** The host's groups and their ancestors without `all`, the weakest first: by depth, priority, name. */
  #chain(host: InventoryHost): readonly Group[] {
    const key = [...host.groups].map((group) => group.name).join('\0')
    let chain = this.#chains.get(key)
    if (!chain) {
      const found = new Set<Group>()
      const climb = (group: Group): void => {
        if (found.has(group)) return
        found.add(group)
        for (const parent of group.parents) climb(parent)
      }
      for (const group of host.groups) climb(group)
      found.delete(this.#draft.group('all'))
      chain = [...found].sort((a, b) => a.depth - b.depth || a.priority - b.priority || (a.name < b.name ? -1 : 1))
      this.#chains.set(key, chain)
    }
    return chain
  }

  #magic(host: InventoryHost, groups: readonly Group[]): Layer {
    return layerOf('magic variables', {
      inventory_hostname: host.name,
      inventory_hostname_short: host.name.split('.')[0],
      group_names: groups.map((group) => group.name).sort(),
    })
  }
}

function files(dirs: readonly VarsDirectory[], groups: readonly Group[]): readonly Layer[] {
  return dirs.flatMap((dir) => groups.flatMap((group) => dir.group(group.name)))
}

function chosen(hosts: Iterable<string> | undefined): Choice {
  const names = hosts && new Set(hosts)
  return (host) => names === undefined || names.has(host)
}
