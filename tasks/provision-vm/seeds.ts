/** What a cluster's variables mean for the seed of one of its machines. */
import type { BaseImage } from '../../src/image/index.ts'
import type { ClusterVars, MachinePlan, NetworkPlan } from '../../src/machine/index.ts'
import { USER_NETWORK_DNS, type Knowledge } from '../shared/seed.ts'

export interface SeedInput {
  readonly machine: MachinePlan
  readonly network: NetworkPlan | undefined
  readonly vars: ClusterVars
  readonly image: BaseImage
  readonly publicKey: string
  readonly caCertificate: string | undefined
}

/** What the machine is told. */
export function knowledge({ machine, network, vars, image, publicKey, caCertificate }: SeedInput): Knowledge {
  return {
    hostname: machine.name,
    ...(vars.vm_domain !== undefined && { fqdn: `${machine.name}.${vars.vm_domain}`, searchDomain: vars.vm_domain }),
    authorizedKeys: [publicKey],
    caCertificates: caCertificate === undefined ? [] : [{ name: 'domain', pem: caCertificate }],
    packages: vars.vm_python && image.seed === 'cloud-init' ? ['python3'] : [],
    nameservers: vars.vm_nameservers ?? [network?.gateway ?? USER_NETWORK_DNS],
    mac: machine.mac,
  }
}
