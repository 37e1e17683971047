/** Network interfaces that libvirt's documents have no element for: user networking with forwarded ports, and VDE, as arguments of QEMU. */
import { InputError } from '../errors.ts'
import type { DomainInterface } from './domain.ts'

/**
 * Slots of the root bus, highest first. libvirt counts its own devices up from 1; on a PC 0x1f is the chip set's, and 0x1d
 * and 0x1a are where libvirt puts USB 2 controllers.
 */
const SLOTS = [0x1e, 0x1c, 0x1b, 0x19, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x10]

/**
 * The arguments for one interface, the `index`-th that is made in this way. No bus is named: QEMU takes the machine's root
 * bus, whatever it is called (pcie.0, pci.0), which is where the slots are.
 *
 * @throws InputError `too-many-interfaces` when there are no slots left.
 */
export function userNicArguments(nic: DomainInterface, index: number, arch: string): string[] {
  const id = `farm${index}`
  return ['-netdev', joined(backend(nic, id)), '-device', joined([deviceOf(nic.model, arch), `netdev=${id}`, `mac=${nic.mac}`, ...place(nic.model, index, arch)])]
}

function backend({ type, source, forwards }: DomainInterface, id: string): string[] {
  if (type === 'vde') return ['vde', `id=${id}`, `sock=${source ?? ''}`]
  return ['user', `id=${id}`, ...forwards.map(({ protocol, address, host, guest }) => `hostfwd=${protocol}:${address}:${host}-:${guest}`)]
}

/** A comma ends a value unless it is doubled. */
function joined(words: readonly string[]): string {
  return words.map((word) => word.replaceAll(',', ',,')).join(',')
}

const VIRTIO: Readonly<Record<string, string>> = { virtio: 'virtio-net-pci', 'virtio-transitional': 'virtio-net-pci-transitional', 'virtio-non-transitional': 'virtio-net-pci-non-transitional' }

function deviceOf(model: string, arch: string): string {
  // IBM Z has channels in place of a bus with slots.
  if (arch === 's390x' && model.startsWith('virtio')) return 'virtio-net-ccw'
  return VIRTIO[model] ?? model
}

/**
 * QEMU makes these devices before those of libvirt, so that one without a place of its own would sit where libvirt puts
 * another. spapr-vlan alone is on a bus with nothing else.
 */
function place(model: string, index: number, arch: string): string[] {
  if (model === 'spapr-vlan') return []
  if (arch === 's390x') return [`devno=fe.0.${(0xf000 + index).toString(16)}`]
  const slot = SLOTS[index]
  if (slot === undefined) throw new InputError('too-many-interfaces', `a machine has at most ${SLOTS.length} interfaces of the types user and vde`, { hint: 'join some of them, or use networks or bridges' })
  return [`addr=0x${slot.toString(16)}`]
}
