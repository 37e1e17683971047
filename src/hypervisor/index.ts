/** libvirt on a host: what it can do, and its pools, networks, machines and rules. */
import type { Host } from '../host/index.ts'
import { Domains } from './domains.ts'
import { Networks } from './networks.ts'
import { Pools } from './pools.ts'
import { probe, type HypervisorFacts } from './probe.ts'
import { Virsh } from './virsh.ts'

export { cleanConsole, lastLines, readConsoles, type ConsoleTail } from './console.ts'
export { doctor, type Check } from './doctor.ts'
export type { Domain } from './domains.ts'
export { ensureRules, removeRules, type FirewallRule } from './firewall.ts'
export { lockHost, type HostLock } from './lock.ts'
export { FARM_NAMESPACE, farmUuid, type MachineMark } from './ownership.ts'
export { foreign } from './pools.ts'
export { chooseVirtType, emulatorOf, kvmObstacle, type HypervisorFacts, type VirtType } from './probe.ts'

export { find } from './xml.ts'

/** A host as one that runs machines. */
export class Hypervisor {
  readonly host: Host
  readonly virsh: Virsh
  readonly pools: Pools
  readonly networks: Networks
  readonly domains: Domains
  readonly #facts: Map<string, Promise<HypervisorFacts>>

  /** `facts` is shared by the hypervisors of one run on one host, so that they are asked for once. */
  constructor(host: Host, uri: string, facts: Map<string, Promise<HypervisorFacts>> = new Map()) {
    this.host = host
    this.virsh = new Virsh(host, uri)
    this.pools = new Pools(this.virsh)
    this.networks = new Networks(this.virsh)
    this.domains = new Domains(this.virsh)
    this.#facts = facts
  }

  /** The host's facts, with the free space at `paths`. Asked once; call `forget` after something was installed. */
  facts(paths: readonly string[] = []): Promise<HypervisorFacts> {
    const key = JSON.stringify(paths)
    const known = this.#facts.get(key)
    if (known !== undefined) return known
    const facts = probe(this.host, paths)
    this.#facts.set(key, facts)
    return facts
  }

  /** Lets the next `facts` look again. */
  forget(): void {
    this.#facts.clear()
  }
}
