/** libvirt on a host: what it can do, and its pools, networks, machines and rules. */
import type { Host } from '../host/index.ts'
import { Domains, type DomainMemory } from './domains.ts'
import { Networks } from './networks.ts'
import { Pools } from './pools.ts'
import { probe, type HypervisorFacts } from './probe.ts'
import { Virsh } from './virsh.ts'

export { capabilitiesFrom, domainSupport, learnCapabilities, probeCapabilities, type Capabilities, type CapabilityQuestions, type DomainQuestion, type DomainSupport, type GuestSupport, type Installer, type MachineType } from './capabilities.ts'
export { cleanConsole, lastLines, readConsoles, type ConsoleTail } from './console.ts'
export { doctor, type Check } from './doctor.ts'
export { backingChain, filesIn } from './domain-files.ts'
export type { Domain } from './domains.ts'
export { ensureRules, removeRules, type FirewallRule } from './firewall.ts'
export { lockHost, lockScope, type HostLock, type LockScope } from './lock.ts'
export { farmUuid, foreign, type MachineMark } from './ownership.ts'
export { chooseVirtType, emulatorOf, kvmObstacle, type HypervisorFacts, type VirtType } from './probe.ts'

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
  readonly #memory: HypervisorMemory

  constructor(host: Host, uri: string, memory: HypervisorMemory = { facts: new Map(), domains: {} }) {
    this.host = host
    this.virsh = new Virsh(host, uri)
    this.pools = new Pools(this.virsh)
    this.networks = new Networks(this.virsh)
    this.domains = new Domains(this.virsh, memory.domains)
    this.#memory = memory
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
