/** From definitions and surveys to what the dispatcher compares. */
import type { CapabilityQuestions, VirtType } from '../../hypervisor/index.ts'
import type { DefinitionFacts, MachineDefinition } from '../definitions/types.ts'
import type { Survey } from './survey.ts'
import type { Needs, Offer } from './types.ts'

/** Bytes that a system disk may take whose size only its image knows: what distributions' cloud images are made for. */
const UNKNOWN_DISK = 4 * 2 ** 30

/** What a machine of this definition needs. */
export function needsOf({ arch, virtType, emulator, machineType, cpu, firmware, memory, vcpus, disks }: MachineDefinition): Needs {
  // What farm does not make takes no room.
  const made = disks.filter(({ file }) => file === undefined)
  return { arch, virtType, emulator, machineType, cpu, firmware, memory, vcpus, disk: made.reduce((sum, { size }) => sum + (size ?? UNKNOWN_DISK), 0) }
}

/** What has to be asked of a hypervisor to tell whether it has all that is needed. */
export function questionsOf(needs: readonly Needs[]): CapabilityQuestions {
  const types = (virtType: Needs['virtType']): readonly VirtType[] => (virtType === 'auto' ? ['kvm', 'qemu'] : [virtType])
  const domains = needs.flatMap(({ arch, machineType: machine, virtType, emulator }) => types(virtType).map((type) => ({ arch, machine, virtType: type, emulator })))
  const files = needs.flatMap(({ emulator, firmware }) => [emulator, ...(firmware.kind === 'file' ? [firmware.loader, firmware.nvram] : [])]).filter((file) => file !== undefined)
  return { domains: [...new Map(domains.map((question) => [JSON.stringify(question), question])).values()], files: [...new Set(files)] }
}

/** What a hypervisor has to give. `reserve`: MiB that stay free. */
export function offerOf({ name, capabilities, poolDir, running, ownMemory }: Survey, reserve = 0): Offer {
  // The farm's own machines are off again when it is the next one's turn.
  const memory = Math.min(capabilities.memory, capabilities.memoryFree + ownMemory) - reserve
  return { name, capabilities, memory, cpus: capabilities.cpus, disk: capabilities.free[poolDir] ?? 0, running }
}

/** What definitions may know of it. */
export function definitionFacts({ name, capabilities }: Survey): DefinitionFacts {
  const { arch, cpus, memory, memoryFree, distribution, codename, home } = capabilities
  return { name, arch, cpus, memory, memory_free: memoryFree, distribution, codename, home }
}
