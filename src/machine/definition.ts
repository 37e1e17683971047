/** From a planned machine and what its hypervisor can do to its domain document. */
import { emulatorOf, farmUuid, type HypervisorFacts, type VirtType } from '../hypervisor/index.ts'
import type { BaseImage } from '../image/index.ts'
import { renderTemplate } from '../vars/index.ts'
import type { MachinePlan, NetworkPlan } from './cluster.ts'
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

/** QEMU's machine type for an architecture when none is asked for. */
function defaultMachineType(arch: string): string {
  if (/^(x86_64|i.86)$/.test(arch)) return 'q35'
  if (arch === 's390x') return 's390-ccw-virtio'
  return arch.startsWith('ppc64') ? 'pseries' : 'virt'
}

const CPU_MODES = ['host-model', 'host-passthrough', 'maximum']

/** Renders the domain document. Its shape is checked against libvirt's schema in the tests. */
export async function renderDomain(input: DefinitionInput, templateDirs: readonly string[]): Promise<string> {
  const { machine, vars, facts, virtType, image, network } = input
  const x86 = /^(x86_64|i.86)$/.test(facts.arch)
  // libvirt has no host-model outside x86 and s390x; QEMU's own default on arm64 is a 32-bit CPU.
  const cpu = vars.vm_cpu_model ?? (virtType === 'kvm' ? (x86 || facts.arch === 's390x' ? 'host-model' : 'host-passthrough') : facts.arch === 'aarch64' ? 'maximum' : '')
  const data = {
    virtType,
    name: machine.name,
    uuid: machineUuid(input.cluster, machine.name),
    cluster: input.cluster,
    owner: input.owner,
    created: input.created,
    hostKey: input.hostKey,
    seedHash: input.seedHash,
    image: image.key,
    consoleLog: input.consoleLog,
    memMiB: machine.memMiB,
    cpus: machine.cpus,
    arch: facts.arch,
    machineType: vars.vm_machine_type ?? defaultMachineType(facts.arch),
    directBoot: image.kernel !== undefined,
    kernel: image.kernel ?? '',
    initrd: image.initrd ?? '',
    cmdline: vars.vm_kernel_cmdline ?? image.cmdline ?? '',
    firmware: facts.arch === 'aarch64' && image.kernel === undefined,
    acpi: x86 || facts.arch === 'aarch64',
    apic: x86,
    cpu,
    cpuMode: CPU_MODES.includes(cpu),
    cpuModel: cpu !== '' && !CPU_MODES.includes(cpu),
    emulator: `/usr/bin/${emulatorOf(facts.arch)}`,
    disk: input.disk,
    seed: input.seed,
    mac: machine.mac,
    bridged: network !== undefined,
    userNet: network === undefined,
    network: network?.name ?? '',
    vhost: virtType === 'kvm' && facts.vhostNet,
    address: input.address,
    port: input.port,
  }
  return (await renderTemplate('domain.xml', data, { dirs: [...templateDirs] })).text
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
