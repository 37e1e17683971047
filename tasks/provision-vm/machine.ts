/** One machine, brought to what is wanted: disk, seed, definition, running. */
import { machineUuid, renderDomain, type ClusterVars, type MachinePlan, type NetworkPlan } from '../../src/machine/index.ts'
import { find, type Domain, type HypervisorFacts, type VirtType } from '../../src/hypervisor/index.ts'
import type { BaseImage } from '../../src/image/index.ts'
import type { TaskContext } from '../../src/recipe/index.ts'
import { machineFiles } from '../shared/cluster.ts'
import { ensureDisk, type DiskState } from '../shared/disks.ts'
import { knowledgeHash, writeSeed } from '../shared/seed.ts'
import { knowledge } from './seeds.ts'

/** What is the same for all machines of a run. */
export interface ProvisionInput {
  readonly context: TaskContext<ClusterVars>
  readonly cluster: string
  readonly pool: string
  readonly network: NetworkPlan | undefined
  readonly facts: HypervisorFacts
  readonly virtType: VirtType
  readonly image: BaseImage
  readonly publicKey: string
  readonly caCertificate: string | undefined
}

/** A machine as it was found, and where it shall answer. */
export interface Found {
  readonly machine: MachinePlan
  readonly domain: Domain | undefined
  /** The file that it is attached to: an overlay of a snapshot, perhaps. */
  readonly diskPath: string
  readonly disk: DiskState | undefined
  readonly hasSeed: boolean
  readonly address: string
  readonly port: number
}

/** Seconds that a guest has to power off when it is restarted; less for one that never let farm in and may not run at all. */
const SHUTDOWN_PATIENCE = { ready: 60, unready: 20 }

/** The disk stays on the image it was made on, and so do kernel and metadata. */
function imageOf(domain: Domain, image: BaseImage): BaseImage {
  if (domain.mark === undefined || domain.mark.image === image.key) return image
  const text = (name: string): string | undefined => find(domain.document, 'os', name)?.text
  return { ...image, key: domain.mark.image, kernel: text('kernel'), initrd: text('initrd'), cmdline: text('cmdline') }
}

/**
 * Brings a machine to what is wanted.
 *
 * @returns its public host key, and whether it was started now.
 */
export async function ensureMachine(input: ProvisionInput, found: Found): Promise<{ hostKey: string; started: boolean }> {
  const { context, cluster, network, facts, virtType, image } = input
  const { host, hypervisor, vars, templateDirs, owner, note } = context
  const { machine, domain } = found
  const files = machineFiles(vars, machine.name)
  await ensureDisk(hypervisor, found.disk, { machine: machine.name, uuid: machineUuid(cluster, machine.name), pool: input.pool, path: found.diskPath, size: machine.diskSize, image, running: domain?.active === true }, templateDirs, (message) => note('warning', message))

  const mark = domain?.mark
  const told = knowledge({ machine, network, vars, image, publicKey: input.publicKey, caCertificate: input.caCertificate })
  // A machine that is off and has lost its seed gets a new one; a running one has been told all already.
  const keepsSeed = mark !== undefined && (found.hasSeed || domain?.active === true)
  const hostKey = keepsSeed ? mark.hostKey : await writeSeed(host, machine.name, files.seed, told, templateDirs)
  const hash = knowledgeHash(told)
  if (keepsSeed && mark.seed !== hash) note('warning', `${machine.name} was told another login key, certificate, domain or name server when it was made; it keeps them until it is made anew`)

  const document = await renderDomain({
    machine, cluster, network, vars, facts, virtType,
    image: domain === undefined ? image : imageOf(domain, image),
    disk: found.diskPath,
    seed: files.seed,
    consoleLog: files.console,
    address: found.address,
    port: found.port,
    owner: mark?.owner ?? owner,
    created: mark?.created ?? `${new Date().toISOString().slice(0, 19)}Z`,
    hostKey,
    seedHash: keepsSeed ? mark.seed : hash,
  }, templateDirs)

  if (domain === undefined) {
    await hypervisor.domains.create(machine.name, machineUuid(cluster, machine.name), document)
    return { hostKey, started: true }
  }
  const restart = domain.active && vars.vm_drift === 'restart'
  const consequence = !domain.active ? 'it is off' : restart ? 'restarted now, since vm_drift is restart' : 'takes effect at its next boot; -e vm_drift=restart restarts it now'
  const differed = await hypervisor.domains.redefine(domain, document, consequence)
  if ((differed || domain.pending) && domain.active && !restart && !context.check) {
    note('warning', `${machine.name} runs with an older definition until its next boot (-e vm_drift=restart does it now)`)
  }
  if ((differed || domain.pending) && restart) {
    await hypervisor.domains.restart(domain, domain.ready ? SHUTDOWN_PATIENCE.ready : SHUTDOWN_PATIENCE.unready)
    return { hostKey, started: true }
  }
  if (domain.active && domain.state === 'running') return { hostKey, started: false }
  await hypervisor.domains.start(domain)
  return { hostKey, started: true }
}
