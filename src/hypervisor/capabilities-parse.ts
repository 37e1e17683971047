/** Reads what libvirt says of itself: `virsh capabilities` and `virsh domcapabilities`. */
import type { DomainSupport, GuestSupport, MachineType, VirtSupport } from './capabilities.ts'
import { find, findAll, parseXml, type Element } from './xml.ts'

/** The architectures that a host can run, out of its capabilities document; one guest or many. */
export function readGuests(document: string): GuestSupport[] {
  const root = parseXml(document)
  // Containers (`exe`) are guests to libvirt as well.
  return findAll(root, 'guest').filter((guest) => find(guest, 'os_type')?.text !== 'exe').flatMap((guest) => {
    const arch = find(guest, 'arch')
    const name = arch?.attributes['name']
    if (arch === undefined || name === undefined) return []
    const emulator = find(arch, 'emulator')?.text ?? ''
    return [{ arch: name, emulator, machines: machinesOf(arch), virtTypes: findAll(arch, 'domain').map(toVirtSupport) }]
  })
}

/** A domain type may have an emulator and machine types of its own, in place of those of its architecture. */
function toVirtSupport(domain: Element): VirtSupport {
  const emulator = find(domain, 'emulator')?.text
  const machines = machinesOf(domain)
  return { type: domain.attributes['type'] ?? '', ...(emulator !== undefined && { emulator }), ...(machines.length > 0 && { machines }) }
}

function machinesOf(element: Element): MachineType[] {
  return findAll(element, 'machine').map((machine) => {
    const { canonical, maxCpus } = machine.attributes
    return { name: machine.text, ...(canonical !== undefined && { canonical }), ...(maxCpus !== undefined && { maxCpus: Number(maxCpus) }) }
  })
}

/** What a domain of one architecture, machine type and virtualisation type can have. `machine` is the type that was asked for. */
export function readDomain(document: string, machine: string): DomainSupport {
  const root = parseXml(document)
  const vcpus = find(root, 'vcpu')?.attributes['max']
  const os = find(root, 'os')
  const modes = findAll(find(root, 'cpu'), 'mode').filter((mode) => mode.attributes['supported'] === 'yes')
  const models = findAll(modes.find((mode) => mode.attributes['name'] === 'custom'), 'model')
  const firmware = findAll(os, 'enum').find((one) => one.attributes['name'] === 'firmware')
  return {
    arch: find(root, 'arch')?.text ?? '',
    machine,
    canonical: find(root, 'machine')?.text ?? machine,
    virtType: find(root, 'domain')?.text ?? '',
    emulator: find(root, 'path')?.text ?? '',
    ...(vcpus !== undefined && { maxVcpus: Number(vcpus) }),
    // Not by the loader's files: libvirt lists those of every architecture for every other.
    efi: findAll(firmware, 'value').some((value) => value.text === 'efi'),
    cpuModes: modes.map((mode) => mode.attributes['name'] ?? ''),
    cpuModels: models.filter((model) => model.attributes['usable'] !== 'no').map((model) => model.text),
    unusableModels: models.filter((model) => model.attributes['usable'] === 'no').map((model) => model.text),
  }
}
