/** Addresses that the cluster's machines have already. */
import type { Hypervisor } from '../../src/hypervisor/index.ts'
import type { ClusterVars } from '../../src/machine/index.ts'

/** From machine names to the addresses in their metadata; they keep them when the list of machines changes. */
export async function knownAddresses(hypervisor: Hypervisor, vars: ClusterVars): Promise<ReadonlyMap<string, string>> {
  const domains = await hypervisor.domains.list()
  return new Map([...domains.values()].flatMap((domain) => (domain.mark?.cluster === vars.vmhost_cluster_name ? [[domain.name, domain.mark.address]] : [])))
}
