/** libvirt on a host: what it can do, and its pools, networks, machines and rules. */
import type { Host } from '../host/index.ts'
import { Domains, type DomainMemory } from './domains.ts'
import { Networks } from './networks.ts'
import { Pools } from './pools.ts'
import { probe, type HypervisorFacts } from './probe.ts'
import { Snapshots } from './snapshots.ts'
import { Virsh } from './virsh.ts'

export { capabilitiesFrom, domainSupport, learnCapabilities, probeCapabilities, type Capabilities, type CapabilityQuestions, type DomainQuestion, type DomainSupport, type GuestSupport, type Installer, type MachineType } from './capabilities.ts'
export { cleanConsole, lastLines, readConsoles, type ConsoleTail } from './console.ts'
export { doctor, type Check } from './doctor.ts'
export { filesIn } from './documents.ts'
export { backingChain } from './domain-files.ts'
export type { Domain } from './domains.ts'
export { ensureRules, removeRules, type FirewallRule } from './firewall.ts'
export { LockKeeper } from './lock-keeper.ts'
export { lockHost, lockScope, type HostLock, type LockScope } from './lock.ts'
export { farmUuid, foreign, type MachineMark } from './ownership.ts'
export { powerOff, type PoweredOff, type PowerOffOptions } from './power.ts'
export { chooseVirtType, emulatorOf, kvmObstacle, type HypervisorFacts, type VirtType } from './probe.ts'

export { Snapshots, type CreateOptions, type Restored } from './snapshots.ts'
export type { KindChoice, SnapshotBase, WantedKind } from './snapshots-kind.ts'
export { subtree, type Snapshot, type SnapshotKind } from './snapshots-record.ts'
export { isSession, libvirtUri } from './uri.ts'
export { find, findAll, parseXml } from './xml.ts'

/** What is known of a hypervisor, shared by the tasks of one run on one host so that nothing is asked twice. */
export interface HypervisorMemory {
  readonly facts: Map<string, Promise<HypervisorFacts>>
  readonly domains: DomainMemory
}

/** A host as one that runs machines. */
export class Hypervisor {
  readonly host: Host
  readonly virsh: Virsh
  readonly pools: Pools
  readonly networks: Networks
  readonly domains: Domains
  readonly snapshots: Snapshots
  readonly #memory: HypervisorMemory

  constructor(host: Host, uri: string, memory: HypervisorMemory = { facts: new Map(), domains: {} }) {
    this.host = host
    this.virsh = new Virsh(host, uri)
    this.pools = new Pools(this.virsh)
    this.networks = new Networks(this.virsh)
    this.domains = new Domains(this.virsh, memory.domains)
    this.snapshots = new Snapshots(this.virsh, memory.domains)
    this.#memory = memory
  }

  /** What is known of the domains; forget it where one is changed by other means than `domains`. */
  get memory(): DomainMemory {
    return this.#memory.domains
  }

  /** The host's facts, with the free space at `paths`. Asked once; call `forget` after something was installed. */
  facts(paths: readonly string[] = []): Promise<HypervisorFacts> {
    const key = JSON.stringify(paths)
    const known = this.#memory.facts.get(key)
    if (known !== undefined) return known
    const facts = probe(this.host, paths)
    this.#memory.facts.set(key, facts)
    // Others remember with us, and may be luckier.
    facts.catch(() => this.#memory.facts.delete(key))
    return facts
  }

  /** Lets the next `facts` look again. */
  forget(): void {
    this.#memory.facts.clear()
    this.#memory.domains.list = undefined
  }
}
