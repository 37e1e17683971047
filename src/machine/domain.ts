/** The libvirt document of a machine, whatever its architecture: one template, and the data that it is rendered with. */
import { InputError } from '../errors.ts'
import type { MachineMark, VirtType } from '../hypervisor/index.ts'
import { renderTemplate } from '../vars/index.ts'
import type { DiskDefinition, Firmware, Forward, InterfaceDefinition } from './definitions/types.ts'
import { userNicArguments } from './qemu-nics.ts'

/** A disk with its file; see {@link DiskDefinition}. Without `snapshot` it takes part in snapshots. */
export interface DomainDisk extends Pick<DiskDefinition, 'device' | 'format' | 'bus' | 'readonly'> {
  readonly file: string
  readonly snapshot?: boolean
}

/** A port of the hypervisor that leads into the guest. */
export interface DomainForward extends Forward {
  readonly host: number
}

/** A network interface with its addresses. */
export interface DomainInterface extends Pick<InterfaceDefinition, 'type' | 'source' | 'model'> {
  readonly mac: string
  /** With `user` alone. */
  readonly forwards: readonly DomainForward[]
}

/** A domain as it shall be. Files are paths on the hypervisor. */
export interface DomainSpec {
  readonly name: string
  readonly uuid: string
  /** What farm writes into the metadata; `console` is where the serial console is logged. */
  readonly mark: MachineMark
  readonly virtType: VirtType
  /** As libvirt names it. */
  readonly arch: string
  /** Undefined: the one that libvirt knows for the architecture. */
  readonly emulator?: string | undefined
  readonly machineType: string
  /** A model or one of host-model, host-passthrough, maximum; undefined leaves it to QEMU. */
  readonly cpu?: string | undefined
  readonly vcpus: number
  /** MiB. */
  readonly memory: number
  readonly firmware: Firmware
  /** The machine's own file for the variables of its firmware, made by libvirt at the first start. Undefined: where libvirt puts it. */
  readonly nvram?: string | undefined
  readonly kernel?: { readonly image: string; readonly initrd?: string | undefined; readonly cmdline: string } | undefined
  /** The machine starts from the one whose device comes first. */
  readonly disks: readonly DomainDisk[]
  readonly interfaces: readonly DomainInterface[]
  /** The kernel of the hypervisor moves packets of interfaces in networks and bridges. */
  readonly vhost?: boolean
  /** What `user` interfaces are made with: QEMU itself, or passt where libvirt can (a slirp-less QEMU needs it). */
  readonly userBackend?: 'slirp' | 'passt'
  /** Template of the document, without `.xml.hbs`; `domain` when undefined. */
  readonly template?: string | undefined
  /** For templates of one's own: there as `extra`. */
  readonly extra?: Readonly<Record<string, unknown>>
}

const CPU_MODES = ['host-model', 'host-passthrough', 'maximum']

/** libvirt gives an emulated ARM board version 2 of the interrupt controller, which serves so many CPUs. */
const GIC2_CPUS = 8

/** Whether an architecture is the PC's. */
function isX86(arch: string): boolean {
  return /^(x86_64|i.86)$/.test(arch)
}

/** QEMU's machine type for an architecture when none is asked for. */
export function defaultMachineType(arch: string): string {
  if (isX86(arch)) return 'q35'
  if (arch === 's390x') return 's390-ccw-virtio'
  return arch.startsWith('ppc64') ? 'pseries' : 'virt'
}

/** A CPU that works where none is asked for; undefined where QEMU's own choice does. */
export function defaultCpu(arch: string, virtType: VirtType): string | undefined {
  // libvirt has no host-model outside x86 and s390x; QEMU's own default on arm64 is a 32-bit CPU.
  if (virtType === 'kvm') return isX86(arch) || arch === 's390x' ? 'host-model' : 'host-passthrough'
  return arch === 'aarch64' ? 'maximum' : undefined
}

/**
 * Renders a machine's domain document from the first of `templateDirs` that has its template. Values are escaped there.
 *
 * @throws InputError for what no document can say: ports forwarded from an IPv6 address by QEMU itself.
 */
export async function renderDomainSpec(spec: DomainSpec, templateDirs: readonly string[]): Promise<string> {
  const { firmware, kernel, mark, arch, cpu = '', vhost = false, userBackend = 'slirp' } = spec
  const x86 = isX86(arch)
  const features = {
    // Without UEFI an ARM guest learns of its devices from a device tree, and libvirt refuses ACPI.
    acpi: x86 || (arch === 'aarch64' && firmware.kind !== 'default'),
    apic: x86,
    gic3: arch === 'aarch64' && spec.virtType === 'qemu' && spec.vcpus > GIC2_CPUS,
  }
  const { platform = '', target = '', definition = '' } = mark
  const byQemu = spec.interfaces.filter(({ type }) => type === 'vde' || (type === 'user' && userBackend === 'slirp'))
  checkForwards(spec.name, byQemu)
  const native = spec.interfaces.filter((nic) => !byQemu.includes(nic))
  const buses = new Set(spec.disks.map(({ bus }) => bus))
  const data = {
    name: spec.name,
    uuid: spec.uuid,
    ...mark,
    tested: platform !== '' || target !== '' || definition !== '',
    platform,
    target,
    definition,
    virtType: spec.virtType,
    arch,
    machineType: spec.machineType,
    hasEmulator: spec.emulator !== undefined,
    emulator: spec.emulator ?? '',
    memory: spec.memory,
    vcpus: spec.vcpus,
    efi: firmware.kind === 'efi',
    // libvirt's first choice may be firmware with Microsoft's keys, which starts nothing that is not signed with them. Machines of
    // clusters have no file of their own named and were made without this; theirs stay as they are.
    unsigned: firmware.kind === 'efi' && spec.nvram !== undefined,
    ...loaderOf(spec),
    hasKernel: kernel !== undefined,
    kernel: kernel?.image ?? '',
    hasInitrd: kernel?.initrd !== undefined,
    initrd: kernel?.initrd ?? '',
    hasCmdline: kernel !== undefined && kernel.cmdline !== '',
    cmdline: kernel?.cmdline ?? '',
    ...features,
    hasFeatures: Object.values(features).includes(true),
    cpu,
    cpuMode: CPU_MODES.includes(cpu),
    cpuModel: cpu !== '' && !CPU_MODES.includes(cpu),
    // libvirt leaves read-only disks out of snapshots by itself, and forgets that it was told so.
    disks: spec.disks.map(({ file, format, device, bus, readonly, snapshot = true }) => ({ file, format, device, bus, readonly, apart: !snapshot && !readonly })),
    scsi: buses.has('scsi'),
    usb: buses.has('usb'),
    interfaces: native.map(({ type, source, mac, model, forwards }) => ({
      type,
      source: source ?? '',
      user: type === 'user',
      vhost: vhost && type !== 'user' && model === 'virtio',
      mac,
      model,
      forwards,
    })),
    hasQemuArguments: byQemu.length > 0,
    qemuArguments: byQemu.flatMap((nic, index) => userNicArguments(nic, index, arch)),
    consoleLog: mark.console,
    extra: spec.extra ?? {},
  }
  return (await renderTemplate(`${spec.template ?? 'domain'}.xml`, data, { dirs: [...templateDirs] })).text
}

/** How the document names firmware files. */
function loaderOf({ firmware, nvram, arch }: DomainSpec): Record<string, string | boolean> {
  const file = firmware.kind === 'file' ? firmware : undefined
  // Only on these is firmware flash memory with variables beside it; elsewhere it is what QEMU calls a BIOS.
  const flash = isX86(arch) || arch === 'aarch64' || arch === 'armv7l'
  const vars = firmware.kind === 'efi' || (file !== undefined && (flash || file.nvram !== undefined))
  return {
    hasLoader: file !== undefined,
    loader: file?.loader ?? '',
    loaderType: flash || file?.nvram !== undefined ? 'pflash' : 'rom',
    hasNvram: vars && (nvram !== undefined || file?.nvram !== undefined),
    nvram: nvram ?? '',
    hasNvramTemplate: file?.nvram !== undefined,
    nvramTemplate: file?.nvram ?? '',
  }
}

function checkForwards(name: string, nics: readonly DomainInterface[]): void {
  const bad = nics.flatMap(({ forwards }) => forwards).find(({ address }) => address.includes(':'))
  if (bad === undefined) return
  throw new InputError('bad-forward', `machine ${name} forwards port ${bad.guest} from ${bad.address}, and QEMU's user networking forwards from IPv4 addresses only`, {
    hint: 'forward it from 127.0.0.1, or from 0.0.0.0 for every IPv4 address of the hypervisor',
  })
}
