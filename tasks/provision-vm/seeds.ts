/** What a guest learns at its first boot, as an image that it finds as its second disk. */
import { createHash, randomUUID } from 'node:crypto'
import { generateKeyPair, type Host } from '../../src/host/index.ts'
import { seedIso, type BaseImage, type SeedSpec } from '../../src/image/index.ts'
import type { ClusterVars, MachinePlan, NetworkPlan } from '../../src/machine/index.ts'

export interface SeedInput {
  readonly machine: MachinePlan
  readonly network: NetworkPlan | undefined
  readonly vars: ClusterVars
  readonly image: BaseImage
  readonly publicKey: string
  readonly caCertificate: string | undefined
  readonly path: string
  readonly templateDirs: readonly string[]
}

/** A hash of all that a guest is told, but for what is new in each seed: its instance and its host key. */
export function seedHash(input: SeedInput): string {
  return createHash('sha256').update(JSON.stringify(knowledge(input))).digest('hex').slice(0, 16)
}

function knowledge({ machine, network, vars, image, publicKey, caCertificate }: SeedInput): Omit<SeedSpec, 'instanceId' | 'hostKey'> {
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

/** QEMU's user network answers DNS here. */
const USER_NETWORK_DNS = '10.0.2.3'

/**
 * Writes a machine's seed with a host key that farm makes for it.
 *
 * @returns the public half, for the machine's metadata; in check mode a placeholder.
 */
export async function writeSeed(host: Host, input: SeedInput): Promise<string> {
  const { machine } = input
  if (host.check) return `ssh-ed25519 (made when ${machine.name} is)`
  const pair = generateKeyPair(machine.name)
  const iso = await seedIso({ ...knowledge(input), instanceId: randomUUID(), hostKey: pair }, [...input.templateDirs])
  await host.change({ summary: `write seed ${input.path}` }, () => host.writeFile(input.path, iso, { mode: 0o600 }))
  return pair.publicKey.trim()
}
