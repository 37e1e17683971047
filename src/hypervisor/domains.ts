/** libvirt domains: what exists and whose it is, defining, starting, drift, and removal with all that belongs to them. */
import { TaskError } from '../errors.ts'
import type { Change } from '../events.ts'
import type { Shell } from '../host/index.ts'
import { machineMark, type MachineMark } from './ownership.ts'
import { foreign } from './pools.ts'
import type { Virsh } from './virsh.ts'
import { compareXml, find, findAll, parseXml, type Element } from './xml.ts'

/** States as libvirt names them: `running`, `paused`, `shut off`, `crashed`, `in shutdown`, `pmsuspended`, `idle`. */
export type DomainState = string

/** A domain that exists. */
export interface Domain {
  readonly name: string
  readonly state: DomainState
  readonly active: boolean
  /** The definition for the next boot. */
  readonly document: Element
  /** Whose it is; undefined when farm did not make it. */
  readonly mark: MachineMark | undefined
  readonly memMiB: number
  readonly cpus: number
  /** farm has logged in to it since it was last started. */
  readonly ready: boolean
}

/** Metadata of a running machine alone: it goes when the machine stops, and so speaks of this boot. */
const READY_NAMESPACE = 'urn:farm:ready:1'

/** Paths that are kept when a machine goes: the image cache, for example. */
export interface Removal {
  /** Only files below these directories are deleted with a machine. */
  readonly within: readonly string[]
}

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
    this.#memory.list ??= this.#ask()
    return this.#memory.list
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
    const [table] = await this.#virsh.ask([['list', '--all', '--name']])
    const names = (table ?? '').split('\n').map((line) => line.trim()).filter((line) => line !== '')
    if (names.length === 0) return new Map()
    const answers = await this.#virsh.ask(names.flatMap((name) => [['dumpxml', '--inactive', name], ['domstate', name], ['metadata', name, READY_NAMESPACE, '--live']]))
    const domains = new Map<string, Domain>()
    for (const [index, name] of names.entries()) {
      const [text, state, ready] = answers.slice(3 * index, 3 * index + 3)
      if (text !== undefined) domains.set(name, toDomain(name, text, state ?? 'no state', ready !== undefined))
    }
    return domains
  }

  /** Defines a machine that does not exist yet. */
  async define(name: string, document: string): Promise<void> {
    const change = { summary: `define machine ${name}`, diff: { title: `domain ${name}`, before: '', after: document } }
    await this.#change(change, ($) => this.#virsh.apply($, [['define', '/dev/stdin']], document))
  }

  /** Defines a machine and starts it, in one process. */
  async create(name: string, document: string): Promise<void> {
    const change = { summary: `define and start machine ${name}`, diff: { title: `domain ${name}`, before: '', after: document } }
    await this.#change(change, ($) => this.#virsh.apply($, [['define', '/dev/stdin'], ['start', name]], document))
  }

  /** Starts a machine that is off; wakes one that is paused. */
  async start(domain: Pick<Domain, 'name' | 'state'>): Promise<void> {
    const verb = domain.state === 'paused' ? 'resume' : domain.state === 'pmsuspended' ? 'dompmwakeup' : 'start'
    await this.#change({ summary: `${verb} machine ${domain.name}` }, ($) => this.#virsh.apply($, [[verb, domain.name]]))
  }

  /** Remembers, until the machine stops, that a login worked. Not a change of what is wanted, so it is not reported as one. */
  async markReady(names: readonly string[]): Promise<void> {
    this.#memory.list = undefined
    await this.#virsh.ask(names.map((name) => ['metadata', name, READY_NAMESPACE, '--key', 'ready', '--set', '<ready/>', '--live']))
  }

  /** Brings the definition to what is wanted. Resolves with whether it differed. */
  async redefine(domain: Domain, document: string, consequence: string): Promise<boolean> {
    const diff = compareXml(domain.document, parseXml(document))
    if (diff === undefined) return false
    const change = { summary: `change machine ${domain.name} (${consequence})`, diff: { title: `domain ${domain.name}`, ...diff } }
    await this.#change(change, ($) => this.#virsh.apply($, [['define', '/dev/stdin']], document))
    return true
  }

  /** Asks the guest to power off, waits until it has, and forces it after `patience` seconds. */
  async restart(name: string, patience: number): Promise<void> {
    await this.#change({ summary: `restart machine ${name}` }, async ($) => {
      // A guest that ignores ACPI never leaves "running": virsh tells the end of the wait by its own time-out.
      await $({ nothrow: true })`
virsh -q -c ${this.#virsh.uri} shutdown ${name}
end=$(( $(date +%s) + ${String(patience)} ))
while [ "$(virsh -q -c ${this.#virsh.uri} domstate ${name})" != 'shut off' ]; do
  [ "$(date +%s)" -lt "$end" ] || { virsh -q -c ${this.#virsh.uri} destroy ${name}; break; }
  sleep 0.2
done`
      await this.#virsh.apply($, [['start', name]])
    })
  }

  /**
   * Takes a machine away: its memory, snapshots, NVRAM, managed save, disks, seed and logs.
   *
   * @throws InputError `foreign-object` when it is not of this cluster.
   */
  async remove(domain: Domain, cluster: string, { within }: Removal): Promise<void> {
    const { host } = this.#virsh
    if (domain.mark?.cluster !== cluster) throw foreign(`machine ${domain.name}`, host.name, domain.mark?.cluster)
    const files = await this.#files(domain, within)
    await this.#change({ summary: `remove machine ${domain.name} with ${files.length} files` }, async ($) => {
      if (domain.active) await this.#virsh.apply($, [['destroy', domain.name]])
      // Files before the definition: a run that ends in between still finds the machine, and through it the files.
      if (files.length > 0) await $`rm -f ${files}`
      await this.#virsh.apply($, [['undefine', domain.name, '--managed-save', '--nvram', '--snapshots-metadata', '--checkpoints-metadata']])
    })
  }

  /** All files that exist for a machine alone, as far as they lie within the given directories. */
  async #files(domain: Domain, within: readonly string[]): Promise<string[]> {
    const disks = findAll(find(domain.document, 'devices'), 'disk').flatMap((disk) => find(disk, 'source')?.attributes['file'] ?? [])
    const [listed] = await this.#virsh.ask([['snapshot-list', '--name', domain.name]])
    const names = (listed ?? '').split('\n').map((line) => line.trim()).filter((line) => line !== '')
    const snapshots = await this.#virsh.ask(names.map((name) => ['snapshot-dumpxml', domain.name, name]))
    const external = snapshots.flatMap((text) => (text === undefined ? [] : snapshotFiles(parseXml(text))))
    const chains = await Promise.all(disks.map((disk) => backingChain(this.#virsh, disk)))
    const logs = domain.mark === undefined ? [] : [domain.mark.console, ...[0, 1, 2, 3].map((n) => `${domain.mark?.console}.${n}`)]
    const all = [...disks, ...chains.flat(), ...external, ...logs].filter((file) => within.some((dir) => file.startsWith(`${dir}/`) && !file.includes('/../')))
    // libvirt keeps a log of its own of every machine and never removes it.
    const own = this.#virsh.uri.endsWith('/system') ? ['', '.0', '.1', '.2', '.3'].map((suffix) => `/var/log/libvirt/qemu/${domain.name}.log${suffix}`) : []
    return [...new Set([...all, ...own])]
  }
}

function toDomain(name: string, text: string, state: string, ready: boolean): Domain {
  const document = parseXml(text)
  const memory = find(document, 'memory')
  const unit = memory?.attributes['unit'] ?? 'KiB'
  return {
    name,
    state,
    active: !['shut off', 'crashed', 'no state'].includes(state),
    document,
    mark: machineMark(document),
    memMiB: Math.round(Number(memory?.text ?? 0) / (unit === 'KiB' ? 1024 : unit === 'MiB' ? 1 : 1048576)),
    cpus: Number(find(document, 'vcpu')?.text ?? 1),
    ready,
  }
}

function snapshotFiles(snapshot: Element): string[] {
  const disks = findAll(find(snapshot, 'disks'), 'disk').flatMap((disk) => find(disk, 'source')?.attributes['file'] ?? [])
  const memory = find(snapshot, 'memory')?.attributes['file']
  const before = findAll(find(snapshot, 'domain', 'devices'), 'disk').flatMap((disk) => find(disk, 'source')?.attributes['file'] ?? [])
  return [...disks, ...before, ...(memory === undefined ? [] : [memory])]
}

/** The files under a disk, itself first, as qemu-img sees them; empty for a file that is gone or no image. */
async function backingChain(virsh: Virsh, disk: string): Promise<string[]> {
  const result = await virsh.host.query({ nothrow: true })`qemu-img info --force-share --backing-chain --output=json -- ${disk}`
  if (result.exitCode !== 0) return []
  try {
    const chain = JSON.parse(result.stdout) as readonly { readonly filename: string }[]
    return chain.map((image) => image.filename)
  } catch (cause) {
    throw new TaskError('qemu-img', `qemu-img info printed no JSON for ${disk}`, { host: virsh.host.name, cause })
  }
}
