/** A machine as its target, its platform and the variables say it shall be: what is left when all definition files are merged. */
import type { ImageStep } from '../../image/types.ts'

/** How a machine finds its kernel. */
export type Firmware =
  /** SeaBIOS on x86, SLOF on ppc64, OpenSBI on riscv64, none on s390x: what the machine type starts with by itself. */
  | { readonly kind: 'default' }
  /** UEFI, the files chosen by libvirt from what the hypervisor has installed. */
  | { readonly kind: 'efi' }
  /** A firmware file on the hypervisor, with the template of its variables where it has any. */
  | { readonly kind: 'file'; readonly loader: string; readonly nvram: string | undefined }

/** One disk. The first is the system disk, made from the image. */
export interface DiskDefinition {
  /** As the guest's kernel names it: `vda`, `vdb`; `sda` on other buses. */
  readonly device: string
  readonly format: 'qcow2' | 'raw'
  /** Bytes that the guest sees; for the system disk undefined means as large as the image. */
  readonly size: number | undefined
  readonly bus: 'virtio' | 'scsi' | 'sata' | 'usb'
  readonly readonly: boolean
  /** False leaves it out of snapshots. */
  readonly snapshot: boolean
  /** A file of its own on the hypervisor, that farm neither makes nor removes. */
  readonly file: string | undefined
}

/** A TCP or UDP port of the hypervisor that leads into the guest. */
export interface Forward {
  readonly protocol: 'tcp' | 'udp'
  /** Address on the hypervisor; 127.0.0.1 unless told otherwise. */
  readonly address: string
  /** Undefined: farm chooses a free one that stays. */
  readonly host: number | undefined
  readonly guest: number
}

/** One network interface. Exactly one leads to SSH: the first with `user`, or with an `ip`. */
export interface InterfaceDefinition {
  readonly type: 'user' | 'network' | 'bridge' | 'vde'
  /** Network, bridge, or VDE address (`vxvde://234.0.0.1`, a switch's socket); undefined with `user`. */
  readonly source: string | undefined
  /** Undefined: farm derives one from the machine's name. */
  readonly mac: string | undefined
  /** Address in the network, without prefix length; where SSH answers when the type is not `user`. */
  readonly ip: string | undefined
  readonly prefix: number | undefined
  readonly gateway: string | undefined
  /** With `user` alone; port 22 is always among them. */
  readonly forwards: readonly Forward[]
  readonly model: string
}

/** A machine, complete and checked. Sizes of memory in MiB, of disks in bytes, times in seconds. */
export interface MachineDefinition {
  /** Name in the inventory, in libvirt and in `farm ssh`: `<platform>_<target>` unless told otherwise. */
  readonly name: string
  /** RFC 1123. */
  readonly hostname: string
  readonly platform: string
  readonly target: string
  /** As libvirt names it: x86_64, aarch64, ppc64le, riscv64, s390x. */
  readonly arch: string
  readonly virtType: 'auto' | 'kvm' | 'qemu'
  /** Path on the hypervisor; undefined: the one that libvirt reports for the architecture. */
  readonly emulator: string | undefined
  /** `q35`, `virt`, `pseries`, `s390-ccw-virtio`, or a versioned name. */
  readonly machineType: string
  /** A model or one of host-model, host-passthrough, maximum; undefined leaves it to QEMU. */
  readonly cpu: { readonly kvm: string | undefined; readonly qemu: string | undefined }
  readonly vcpus: number
  readonly memory: number
  readonly firmware: Firmware
  /** Kernel command line for images that are started with their own kernel; undefined: the image's. */
  readonly cmdline: string | undefined
  readonly disks: readonly DiskDefinition[]
  readonly interfaces: readonly InterfaceDefinition[]
  /** The pipeline that makes the system disk's image. */
  readonly image: readonly ImageStep[]
  readonly login: {
    /** Who logs in: root, or a user that may become root by sudo without a password. */
    readonly user: string
    /** Private key on the controller; undefined: farm's own pair. */
    readonly key: string | undefined
  }
  /** Until a login works; undefined: by virtualisation type. */
  readonly bootTimeout: number | undefined
  /** For the guest to power off before its power is cut. */
  readonly shutdownTimeout: number
  readonly snapshotType: 'auto' | 'internal' | 'external'
  /** Template of the domain document, without `.xml.hbs`. */
  readonly template: string
  /** What the files say beyond that: for templates and phases of one's own. */
  readonly extra: Readonly<Record<string, unknown>>
  /** The files that it was made from, in the order in which they were merged. */
  readonly files: readonly string[]
}

/** What a definition's expressions know of the hypervisor, as `hypervisor.…`; the fields are named as written in definition files. */
export interface DefinitionFacts {
  readonly name: string
  readonly arch: string
  readonly cpus: number
  /** MiB. */
  readonly memory: number
  readonly memory_free: number
  /** `ID` of os-release, e.g. debian. */
  readonly distribution: string
  readonly codename: string
  /** The login user's home directory. */
  readonly home: string
}
