/** A cluster's documents: its machines, from their plan and what their hypervisor can do, and its network. */
import { emulatorOf, farmUuid, type HypervisorFacts, type VirtType } from '../hypervisor/index.ts'
import type { BaseImage } from '../image/index.ts'
import { renderTemplate } from '../vars/index.ts'
import type { MachinePlan, NetworkPlan } from './cluster.ts'
import { defaultCpu, defaultMachineType, renderDomainSpec } from './domain.ts'
import type { ClusterVars } from './vars.ts'

/** What a definition is made from. */
export interface DefinitionInput {
  readonly machine: MachinePlan
  readonly cluster: string
  readonly network: NetworkPlan | undefined
  readonly vars: ClusterVars
  readonly facts: HypervisorFacts
  readonly virtType: VirtType
  readonly image: BaseImage
  readonly disk: string
  readonly seed: string
  readonly consoleLog: string
  /** Where SSH answers, as seen from the hypervisor. */
  readonly address: string
  readonly port: number
  /** Kept from the existing machine, so that a comparison sees only what really differs. */
  readonly owner: string
  readonly created: string
  readonly hostKey: string
  readonly seedHash: string
}

/** Renders the document of a cluster's machine. */
export async function renderDomain(input: DefinitionInput, templateDirs: readonly string[]): Promise<string> {
  const { machine, vars, facts, virtType, image, network } = input
  const { arch } = facts
  const disk = { bus: 'virtio', readonly: false } as const
  const nic = { mac: machine.mac, model: 'virtio' }
  return await renderDomainSpec({
    name: machine.name,
    uuid: machineUuid(input.cluster, machine.name),
    mark: {
      cluster: input.cluster,
      owner: input.owner,
      created: input.created,
      address: input.address,
      port: input.port,
      user: 'root',
      hostKey: input.hostKey,
      image: image.key,
      seed: input.seedHash,
      console: input.consoleLog,
    },
    virtType,
    arch,
    emulator: `/usr/bin/${emulatorOf(arch)}`,
    machineType: vars.vm_machine_type ?? defaultMachineType(arch),
    cpu: vars.vm_cpu_model ?? defaultCpu(arch, virtType),
    vcpus: machine.cpus,
    memory: machine.memMiB,
    firmware: { kind: arch === 'aarch64' && image.kernel === undefined ? 'efi' : 'default' },
    kernel: image.kernel === undefined ? undefined : { image: image.kernel, initrd: image.initrd, cmdline: vars.vm_kernel_cmdline ?? image.cmdline ?? '' },
    disks: [
      { ...disk, file: input.disk, format: 'qcow2', device: 'vda' },
      { ...disk, file: input.seed, format: 'raw', device: 'vdb', readonly: true },
    ],
    interfaces: [network === undefined
      ? { ...nic, type: 'user', source: undefined, forwards: [{ protocol: 'tcp', address: input.address, host: input.port, guest: 22 }] }
      : { ...nic, type: 'network', source: network.name, forwards: [] }],
    vhost: virtType === 'kvm' && facts.vhostNet,
  }, templateDirs)
}

/** A machine's UUID: the same whenever it is made anew. */
export function machineUuid(cluster: string, name: string): string {
  return farmUuid('machine', cluster, name)
}

/** Renders the network document. */
export async function renderNetwork(network: NetworkPlan, machines: readonly MachinePlan[], cluster: string, owner: string, templateDirs: readonly string[]): Promise<string> {
  const data = {
    name: network.name,
    uuid: farmUuid('network', cluster, network.name),
    cluster,
    owner,
    mode: network.mode,
    hasDevice: network.device !== undefined,
    device: network.device ?? '',
    bridge: network.bridge,
    stp: network.stp ? 'on' : 'off',
    hasDomain: network.domain !== undefined,
    domain: network.domain ?? '',
    gateway: network.gateway,
    netmask: network.netmask,
    dhcpStart: network.dhcpStart,
    dhcpEnd: network.dhcpEnd,
    machines: machines.map(({ mac, name, ip }) => ({ mac, name, ip: ip ?? '' })),
  }
  return (await renderTemplate('network.xml', data, { dirs: [...templateDirs] })).text
}
