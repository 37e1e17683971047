/** libvirt domains: what exists and whose it is, defining, starting, drift, and removal with all that belongs to them. */
import type { Change } from '../events.ts'
import type { Shell } from '../host/index.ts'
import { filesOf, type Removal } from './domain-files.ts'
import { foreign, machineMark, type MachineMark } from './ownership.ts'
import { askToPowerOff } from './power.ts'
import { namesIn, type Virsh } from './virsh.ts'
import { compareXml, find, formatXml, mergeXml, parseXml, type Element } from './xml.ts'

/** States as libvirt names them: `running`, `paused`, `shut off`, `crashed`, `in shutdown`, `pmsuspended`, `idle`. */
export type DomainState = string

/** A domain that exists. */
export interface Domain {
  readonly name: string
  readonly uuid: string
  readonly state: DomainState
  readonly active: boolean
  /** The definition for the next boot. */
  readonly document: Element
  /** Whose it is, and where it answers now; undefined when farm did not make it. */
  readonly mark: MachineMark | undefined
  /** It runs with an older definition until its next boot. */
  readonly pending: boolean
  readonly memMiB: number
  readonly cpus: number
  /** farm has logged in to it since it was last started. */
  readonly ready: boolean
}

/** Metadata of a running machine alone: it goes when the machine stops, and so speaks of this boot. */
const READY_NAMESPACE = 'urn:farm:ready:1'

/** What is known of a host's domains; shared by the tasks of a run, and forgotten when one of them changes something. */
export interface DomainMemory {
  list?: Promise<ReadonlyMap<string, Domain>> | undefined
}

export class Domains {
  readonly #virsh: Virsh
  readonly #memory: DomainMemory

  constructor(virsh: Virsh, memory: DomainMemory = {}) {
    this.#virsh = virsh
    this.#memory = memory
  }

  /** Every domain of the host, by name. Two questions to libvirt, however many there are; asked anew after a change. */
  list(): Promise<ReadonlyMap<string, Domain>> {
    const memory = this.#memory
    if (memory.list === undefined) {
      const asked = (memory.list = this.#ask())
      // Others remember with us, and may be luckier.
      asked.catch(() => { if (memory.list === asked) memory.list = undefined })
    }
    return memory.list
  }

  /** Reports a change and applies it; what was known is out of date from then on. */
  async #change(change: Change, apply: ($: Shell) => Promise<unknown>): Promise<void> {
    try {
      await this.#virsh.host.change(change, apply)
    } finally {
      this.#memory.list = undefined
    }
  }

  async #ask(): Promise<ReadonlyMap<string, Domain>> {
    // By UUID throughout: virsh takes a name that is a number for the ID of a running domain.
    const [table] = await this.#virsh.ask([['list', '--all', '--uuid']])
    const uuids = namesIn(table)
    if (uuids.length === 0) return new Map()
    const answers = await this.#virsh.ask(uuids.flatMap((uuid) => [['dumpxml', '--inactive', uuid], ['dumpxml', uuid], ['domstate', uuid], ['metadata', uuid, READY_NAMESPACE, '--live']]))
    const domains = uuids.flatMap((uuid, index) => {
      const [next, now, state, ready] = answers.slice(4 * index, 4 * index + 4)
      return next === undefined ? [] : [toDomain(uuid, parseXml(next), now === undefined ? undefined : parseXml(now), state ?? 'no state', ready !== undefined)]
    })
    return new Map(domains.map((domain) => [domain.name, domain]))
  }

  /** Defines a machine and starts it, in one process. `uuid` is the one in its document. */
  async create(name: string, uuid: string, document: string): Promise<void> {
    const change = { summary: `define and start machine ${name}`, diff: { title: `domain ${name}`, before: '', after: document } }
    await this.#change(change, ($) => this.#virsh.apply($, [['define', '/dev/stdin'], ['start', uuid]], document))
  }

  /** Defines a machine and leaves it off. */
  async define(name: string, document: string): Promise<void> {
    const change = { summary: `define machine ${name}`, diff: { title: `domain ${name}`, before: '', after: document } }
    await this.#change(change, ($) => this.#virsh.apply($, [['define', '/dev/stdin']], document))
  }

  /** Starts a machine that is off; wakes one that is paused. */
  async start(domain: Pick<Domain, 'name' | 'uuid' | 'state'>): Promise<void> {
    const verb = domain.state === 'paused' ? 'resume' : domain.state === 'pmsuspended' ? 'dompmwakeup' : 'start'
    await this.#change({ summary: `${verb} machine ${domain.name}` }, ($) => this.#virsh.apply($, [[verb, domain.uuid]]))
  }

  /** Remembers, until the machine stops, that a login worked. Not a change of what is wanted, so it is not reported as one. */
  async markReady(uuids: readonly string[]): Promise<void> {
    this.#memory.list = undefined
    await this.#virsh.ask(uuids.map((uuid) => ['metadata', uuid, READY_NAMESPACE, '--key', 'ready', '--set', '<ready/>', '--live']))
  }

  /**
   * Brings the definition to what is wanted. What somebody else has added to it (a second disk, a host device) stays.
   * Resolves with whether it differed.
   */
  async redefine(domain: Domain, document: string, consequence: string): Promise<boolean> {
    const wanted = parseXml(document)
    const diff = compareXml(domain.document, wanted)
    if (diff === undefined) return false
    const change = { summary: `change machine ${domain.name} (${consequence})`, diff: { title: `domain ${domain.name}`, ...diff } }
    await this.#change(change, ($) => this.#virsh.apply($, [['define', '/dev/stdin']], formatXml(mergeXml(domain.document, wanted))))
    return true
  }

  /** Asks the guest to power off, waits until it has, and forces it after `patience` seconds. */
  async restart({ name, uuid }: Pick<Domain, 'name' | 'uuid'>, patience: number): Promise<void> {
    await this.#change({ summary: `restart machine ${name}` }, async ($) => {
      await askToPowerOff($, this.#virsh, { uuid }, { patience })
      await this.#virsh.apply($, [['start', uuid]])
    })
  }

  /**
   * Takes a machine away: its memory, snapshots, NVRAM, managed save, disks, seed and logs.
   *
   * @throws InputError `foreign-object` when it is not of this cluster.
   */
  async remove(domain: Domain, cluster: string, removal: Removal): Promise<void> {
    const { host } = this.#virsh
    if (domain.mark?.cluster !== cluster) throw foreign(`machine ${domain.name}`, host.name, domain.mark?.cluster)
    const files = await filesOf(this.#virsh, domain, removal)
    await this.#change({ summary: `remove machine ${domain.name} with its disks, seed and logs` }, async ($) => {
      if (domain.active) await this.#virsh.apply($, [['destroy', domain.uuid]])
      // Files before the definition: a run that ends in between still finds the machine, and through it the files.
      if (files.length > 0) await $`rm -f -- ${files}`
      await this.#virsh.apply($, [['undefine', domain.uuid, '--managed-save', '--nvram', '--snapshots-metadata', '--checkpoints-metadata']])
    })
  }
}

function toDomain(uuid: string, next: Element, now: Element | undefined, state: string, ready: boolean): Domain {
  const active = !['shut off', 'crashed', 'no state'].includes(state)
  const current = active && now !== undefined ? now : next
  const memory = find(next, 'memory')
  const unit = memory?.attributes['unit'] ?? 'KiB'
  return {
    name: find(next, 'name')?.text ?? '',
    uuid,
    state,
    active,
    document: next,
    // What runs answers where it was started to, whatever its definition says by now.
    mark: machineMark(current),
    pending: active && PENDING.some((path) => find(current, ...path)?.text !== find(next, ...path)?.text),
    memMiB: Math.round(Number(memory?.text ?? 0) / (unit === 'KiB' ? 1024 : unit === 'MiB' ? 1 : 1048576)),
    cpus: Number(find(next, 'vcpu')?.text ?? 1),
    ready,
  }
}

/** What in a definition tells that a running machine has not followed it yet. */
const PENDING = [['memory'], ['vcpu'], ['os', 'kernel'], ['os', 'cmdline']] as const
