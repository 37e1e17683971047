import { caCertificate, clusterVars, loginKey, planCluster } from '../src/machine/index.ts'
import { recipe } from '../src/recipe/index.ts'
import { fetchImage } from '../tasks/download-vm-image/index.ts'
import { firewallBackend, ipv4Forwarding, volumePool } from '../tasks/prepare-vm-host/index.ts'
import { provisionMachines } from '../tasks/provision-vm/index.ts'
import { firewallRules, provisionNetwork } from '../tasks/provision-vm-network/index.ts'
import { checkHost, checkImage, checkNames } from '../tasks/virtualization-checks/index.ts'
import { installPackages } from '../tasks/virtualization-packages/index.ts'
import { openKvm, startServices } from '../tasks/virtualization-services/index.ts'

export default recipe({
  description: 'Create a cluster of blank virtual machines on every VM host',
  hosts: 'vmhost',
  become: true,
  vars: clusterVars,
  async validate(vars, host) {
    planCluster(vars, host)
    if (vars.ssh_pub_key !== undefined) await loginKey(vars.ssh_pub_key)
    await caCertificate(vars.domain_ca_cert)
  },
  tasks: [
    checkHost,
    checkNames,
    checkImage,
    installPackages,
    openKvm,
    startServices,
    // The image before anything of the cluster: a wrong checksum then leaves the host as it was.
    fetchImage,
    volumePool,
    ipv4Forwarding,
    firewallBackend,
    provisionNetwork,
    firewallRules,
    provisionMachines,
  ],
})
