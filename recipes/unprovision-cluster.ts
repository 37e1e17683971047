import { unprovisionVars } from '../src/machine/index.ts'
import { recipe } from '../src/recipe/index.ts'
import { cleanUp, purgeCache } from '../tasks/cleanup-tmp-workdir/index.ts'
import { destroyPool, removeLeftovers } from '../tasks/destroy-cluster-pool/index.ts'
import { destroyNetwork, removeFirewallRules, restoreHost } from '../tasks/destroy-network/index.ts'
import { checkOwnership, destroyMachines } from '../tasks/destroy-vms/index.ts'
import { startServices } from '../tasks/virtualization-services/index.ts'

export default recipe({
  description: 'Remove the cluster: its machines with their disks, its network, pool, rules and temporary files',
  hosts: 'vmhost',
  become: true,
  destructive: true,
  vars: unprovisionVars,
  tasks: [startServices, checkOwnership, destroyMachines, removeFirewallRules, destroyNetwork, restoreHost, removeLeftovers, destroyPool, cleanUp, purgeCache],
})
