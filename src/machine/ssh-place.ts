/** Where a machine's SSH server answers, as its hypervisor sees it. */
import { InputError } from '../errors.ts'
import type { AddressedInterface } from './addresses.ts'
import { sshInterface } from './definitions/index.ts'
import type { MachineDefinition } from './definitions/index.ts'

export interface SshPlace {
  readonly address: string
  readonly port: number
  readonly mac: string
}

/**
 * The place, from the interfaces as they were given their addresses.
 * @throws InputError `no-address` where the interface is in a network and has no fixed address.
 */
export function sshPlace(definition: Pick<MachineDefinition, 'name' | 'interfaces'>, addressed: readonly AddressedInterface[]): SshPlace {
  const wanted = sshInterface(definition)
  const nic = addressed[wanted === undefined ? -1 : definition.interfaces.indexOf(wanted)]
  if (nic === undefined) throw new InputError('no-address', `machine ${definition.name} has no interface that leads to SSH`)
  if (nic.type !== 'user') {
    if (nic.ip === undefined) throw new InputError('no-address', `machine ${definition.name} has no ip in ${nic.type} ${nic.source}, and farm would not know where it answers`, { hint: 'give its interface an ip: in a libvirt network farm has it kept for the machine' })
    return { address: nic.ip, port: 22, mac: nic.mac }
  }
  const ssh = nic.forwards.find(({ protocol, guest }) => protocol === 'tcp' && guest === 22)
  if (ssh === undefined) throw new InputError('no-address', `machine ${definition.name} forwards no port to 22`)
  return { address: ssh.address === '0.0.0.0' ? '127.0.0.1' : ssh.address, port: ssh.host, mac: nic.mac }
}
