/** Capabilities of many hosts, read as a probe reads them; see captured/README.md. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { capabilitiesFrom, type Capabilities, type HypervisorFacts } from '../../../src/hypervisor/index.ts'
import { packaged } from '../../../src/paths.ts'

const DIR = packaged('test', 'unit', 'hypervisor', 'captured')

/** The directory of disks whose free space the facts tell. */
export const POOL = '/var/lib/libvirt/images'

export type HostName = 'debian-x86' | 'debian-foreign' | 'debian-every' | 's390x-alone' | 'raspberry' | 'fedora'

/** All of them. */
export const HOSTS = readdirSync(DIR, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name as HostName).sort()

/** What one of the hosts can do; `changes` to its facts. */
export function captured(host: HostName, changes: Partial<HypervisorFacts> = {}): Capabilities {
  const read = (file: string): string => readFileSync(join(DIR, host, file), 'utf8')
  const told = JSON.parse(read('facts.json')) as Pick<HypervisorFacts, 'hostname' | 'arch' | 'cpus' | 'memoryTotal' | 'memoryAvailable' | 'distribution' | 'codename' | 'kvmDevice'> & { cpuFlag?: 'vmx'; programs: string[]; free: number }
  const facts: HypervisorFacts = {
    ...told, uid: 0, init: 'systemd', cpuFlag: told.cpuFlag, kvmClosed: false, programs: new Set(told.programs), ipForward: false, vhostNet: false,
    free: new Map([[POOL, told.free]]), addresses: [], interfaces: new Set(), listening: new Set(), ...changes,
  }
  const documents = readdirSync(join(DIR, host)).filter((file) => file.split('.').length === 4)
  return capabilitiesFrom(facts, '/root', read('capabilities.xml'), documents.map((file) => ({ document: read(file), machine: file.split('.')[0] ?? '' })))
}
