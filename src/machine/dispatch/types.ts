/** The dispatcher's words: what machines demand, what hypervisors offer, what is placed where. Plain data throughout. */
import type { Capabilities, VirtType } from '../../hypervisor/index.ts'
import type { Firmware } from '../definitions/types.ts'

/** What a machine needs of a hypervisor. Memory in MiB, disk in bytes. */
export interface Needs {
  /** As libvirt names it. */
  readonly arch: string
  readonly virtType: 'auto' | VirtType
  /** Path on the hypervisor; undefined: the one that libvirt reports. */
  readonly emulator?: string | undefined
  readonly machineType: string
  readonly cpu: { readonly kvm: string | undefined; readonly qemu: string | undefined }
  readonly firmware: Firmware
  readonly memory: number
  readonly vcpus: number
  readonly disk: number
}

/** A machine that wants a place. */
export interface Demand extends Needs {
  readonly machine: string
  /** The only hypervisors on which it may be; undefined: any. */
  readonly on?: readonly string[] | undefined
  /** Where it is now. */
  readonly existing?: string | undefined
  /** Where it cannot be for a reason of its own, e.g. since somebody else's machine has its name there: hypervisors with these reasons. */
  readonly barred?: Readonly<Record<string, string>> | undefined
  /** What it needs on hypervisors whose facts make its definition another one. */
  readonly variants?: Readonly<Record<string, Needs>> | undefined
}

/** A hypervisor with what it has to give. Memory in MiB, disk in bytes. */
export interface Offer {
  readonly name: string
  readonly capabilities: Capabilities
  /** What one machine may use. Machines run in turns within it, so it is not divided among them. */
  readonly memory: number
  readonly cpus: number
  /** Free where disks are made. */
  readonly disk: number
  /** What machines that are none of the demands use while they run. */
  readonly running: { readonly memory: number; readonly cpus: number }
}

/** A host that cannot be considered, and why, as a sentence. */
export interface Problem {
  readonly name: string
  readonly problem: string
}

export interface PlacementOptions {
  /** So many virtual CPUs of one machine for each CPU of the hypervisor; 4 unless given. */
  readonly cpuOvercommit?: number | undefined
  /** How far the disks of all machines may outgrow the free space; 4 unless given, since they are thin and seldom written full. */
  readonly diskOvercommit?: number | undefined
  /** How many CPUs an emulated one counts for; 4 unless given. */
  readonly emulationWeight?: number | undefined
  /** Hosts that could not be probed: nothing is placed there, and explanations name them. */
  readonly problems?: readonly Problem[] | undefined
}

/** A machine with its place. */
export interface Assignment {
  readonly machine: string
  readonly hypervisor: string
  readonly virtType: VirtType
  /** For people. */
  readonly reason: string
  /** Where it was, when it could not stay there. */
  readonly movedFrom?: string
}

/** A machine that fits nowhere, and what each hypervisor lacks for it. */
export interface Unplaced {
  readonly machine: string
  readonly lacks: Readonly<Record<string, readonly string[]>>
}

/** Each demand is in exactly one of the lists; both are ordered by name. */
export interface Placement {
  readonly assigned: readonly Assignment[]
  readonly unplaced: readonly Unplaced[]
}

/** Whether a machine fits on a hypervisor: how it would run there, or what is lacking. */
export type Fit = { readonly fits: true; readonly virtType: VirtType } | { readonly fits: false; readonly lacks: readonly string[] }
