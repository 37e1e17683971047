/** Whether a machine fits on a hypervisor, and what is lacking where it does not. */
import { domainSupport, type Capabilities, type DomainSupport, type GuestSupport, type MachineType, type VirtType } from '../../hypervisor/index.ts'
import { nearest } from '../../suggest.ts'
import { installEmulator, installFirmware } from './packages.ts'
import type { Demand, Fit, Needs, Offer, PlacementOptions } from './types.ts'

/** Names that distributions use, and libvirt does not. */
const MISTAKEN: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64', arm: 'armv7l', armhf: 'armv7l', i386: 'i686', ppc64el: 'ppc64le' }

/** Modes of a CPU that are no model's name. */
const MODES: ReadonlySet<string> = new Set(['host-model', 'host-passthrough', 'maximum'])

/** Names that an explanation gives of what is known. */
const SHOWN = 5

/** Whether the machine fits there by itself, with all that the hypervisor has free. */
export function fits(demand: Demand, offer: Offer, options: PlacementOptions = {}): Fit {
  const needs = needsOn(demand, offer.name)
  const kind = fitsKind(needs, offer.capabilities)
  // The disks of a machine that is there are there already.
  const lacks = [...barredOn(demand, offer.name), ...(kind.fits ? [] : kind.lacks), ...sizeLacks(needs, offer, options), ...(demand.existing === offer.name ? [] : diskLacks(needs.disk, offer.disk * (options.diskOvercommit ?? 4)))]
  return lacks.length === 0 ? kind : { fits: false, lacks }
}

/** What a machine needs on one hypervisor. */
export function needsOn(demand: Demand, hypervisor: string): Needs {
  return demand.variants !== undefined && Object.hasOwn(demand.variants, hypervisor) ? (demand.variants[hypervisor] ?? demand) : demand
}

/** Why it cannot be on one hypervisor whatever that has; empty where it can. */
export function barredOn({ barred }: Demand, hypervisor: string): string[] {
  const reason = barred !== undefined && Object.hasOwn(barred, hypervisor) ? barred[hypervisor] : undefined
  return reason === undefined ? [] : [reason]
}

/** What does not depend on sizes: the same for all hypervisors of equal capabilities. KVM where it works, else emulation, unless one is asked for by name. */
export function fitsKind(needs: Needs, capabilities: Capabilities): Fit {
  const guest = capabilities.guests.find(({ arch }) => arch === needs.arch)
  if (guest === undefined) {
    const meant = MISTAKEN[needs.arch]
    return { fits: false, lacks: [meant === undefined ? `no emulator for ${needs.arch}${installEmulator(capabilities, needs.arch)}` : `no emulator for ${needs.arch}: libvirt calls that architecture ${meant}`] }
  }
  const lacks = new Set<string>()
  for (const virtType of needs.virtType === 'auto' ? (['kvm', 'qemu'] as const) : [needs.virtType]) {
    const found = lacksWith(needs, capabilities, guest, virtType)
    if (found.length === 0) return { fits: true, virtType }
    // Where emulation would do, it is emulation that lacks something.
    if (needs.virtType === 'auto' && virtType === 'kvm' && kvmLack(capabilities, guest) !== undefined) continue
    for (const lack of found) lacks.add(lack)
  }
  return { fits: false, lacks: [...lacks] }
}

function lacksWith(needs: Needs, capabilities: Capabilities, guest: GuestSupport, virtType: VirtType): string[] {
  const support = guest.virtTypes.find(({ type }) => type === virtType)
  const obstacle = virtType === 'kvm' ? kvmLack(capabilities, guest) : support === undefined ? `libvirt has no emulation of ${needs.arch} there` : undefined
  if (obstacle !== undefined) return [virtType === 'kvm' ? `kvm asked for by name: ${obstacle}` : obstacle]
  const emulator = support?.emulator ?? guest.emulator
  const own = needs.emulator !== undefined && needs.emulator !== emulator ? needs.emulator : undefined
  if (own !== undefined && capabilities.files[own] !== true) return [`emulator ${own} is not there, ${emulator} is`]
  const domain = supportOf(capabilities, needs, virtType, own)
  const machines = support?.machines ?? guest.machines
  const type = machines.find(({ name, canonical }) => name === needs.machineType || canonical === needs.machineType)
  // What an emulator of one's own runs, only libvirt's answer about it tells.
  if (own === undefined ? type === undefined : domain === undefined) return [`machine type ${needs.machineType} is unknown there${own === undefined ? `, ${known(needs.machineType, machines.map(nameOf))}` : ` to ${own}`}`]
  const most = Math.min(type?.maxCpus ?? Infinity, domain?.maxVcpus ?? Infinity)
  return [
    ...(needs.vcpus > most ? [`${needs.vcpus} CPUs wanted, machine type ${needs.machineType} has ${most} at most`] : []),
    ...cpuLacks(needs.cpu[virtType], domain, virtType, needs.arch),
    ...firmwareLacks(needs, capabilities, domain),
  ]
}

/** libvirt's answer for the very machine type, else for the usual one of the architecture: their CPUs and firmware are the same. */
function supportOf(capabilities: Capabilities, { arch, machineType: machine }: Needs, virtType: VirtType, emulator: string | undefined): DomainSupport | undefined {
  const exact = domainSupport(capabilities, { arch, machine, virtType, emulator })
  return exact ?? (emulator === undefined ? capabilities.domains.find((domain) => domain.arch === arch && domain.virtType === virtType) : undefined)
}

function kvmLack({ kvmObstacle }: Capabilities, { arch, virtTypes }: GuestSupport): string | undefined {
  if (!virtTypes.some(({ type }) => type === 'kvm')) return `the hypervisor has no kvm for ${arch}`
  return kvmObstacle === undefined ? undefined : `${kvmObstacle.why} (${kvmObstacle.mend})`
}

function cpuLacks(model: string | undefined, domain: DomainSupport | undefined, virtType: VirtType, arch: string): string[] {
  if (model === undefined || domain === undefined) return []
  const { cpuModes, cpuModels, unusableModels } = domain
  if (MODES.has(model)) return cpuModes.includes(model) ? [] : [`CPU mode ${model} is not supported there with ${virtType}`]
  if (cpuModels.includes(model)) return []
  if (!cpuModes.includes('custom')) {
    // Emulated, libvirt knows no models by name for some architectures (riscv64), and QEMU has them nevertheless.
    return virtType === 'qemu' ? [] : [`CPU model ${model} cannot be had with kvm there, which has ${cpuModes.join(' and ') || 'no choice of CPUs'}`]
  }
  if (!unusableModels.includes(model)) return [`CPU model ${model} is unknown there, ${known(model, [...cpuModels, ...unusableModels])}`]
  // Emulated on x86, QEMU starts such a CPU without the features that it cannot emulate.
  return virtType === 'qemu' && /^(x86_64|i686)$/.test(arch) ? [] : [`CPU model ${model} has features that ${virtType === 'kvm' ? 'the CPU' : 'the emulator'} lacks there`]
}

function firmwareLacks({ firmware, arch }: Needs, capabilities: Capabilities, domain: DomainSupport | undefined): string[] {
  if (firmware.kind === 'efi') return domain?.efi === true ? [] : [`no UEFI firmware for ${arch}${installFirmware(capabilities, arch)}`]
  if (firmware.kind === 'default') return []
  return [firmware.loader, firmware.nvram].flatMap((file) => (file === undefined || capabilities.files[file] === true ? [] : [`firmware file ${file} is not there`]))
}

/** What depends on sizes, but not on what else is placed. */
export function sizeLacks(needs: Needs, { memory, cpus }: Pick<Offer, 'memory' | 'cpus'>, { cpuOvercommit = 4 }: PlacementOptions): string[] {
  return [
    ...(needs.memory > memory ? [`${needs.memory} MiB wanted, ${Math.max(0, Math.floor(memory))} MiB free`] : []),
    ...(needs.vcpus > cpus * cpuOvercommit ? [`${needs.vcpus} CPUs wanted, ${cpus} there (at most ${cpuOvercommit} virtual ones for each)`] : []),
  ]
}

/** `left`: what of the free space, overcommitted, nobody has been promised yet. */
export function diskLacks(disk: number, left: number): string[] {
  return disk > left ? [`disk: ${gib(disk)} GiB wanted, ${gib(Math.max(0, left))} GiB left with thin disks`] : []
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1)
}

function nameOf({ name }: MachineType): string {
  return name
}

/** What is known in place of a word: the nearest, or some of all. */
function known(word: string, words: readonly string[]): string {
  const near = nearest(word, words)
  if (near !== undefined) return `did you mean ${near}?`
  if (words.length === 0) return 'none is known'
  // Those with short names are the ones that people use; the rest are versions and boards.
  const usual = [...words].sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, SHOWN)
  return `known: ${usual.join(', ')}${words.length > SHOWN ? `, and ${words.length - SHOWN} more` : ''}`
}
