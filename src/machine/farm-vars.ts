/** The variables of a test farm: which machines, which project, and how far each machine is taken. */
import { posix } from 'node:path'
import { z } from 'zod'
import { isSession, libvirtUri } from '../hypervisor/index.ts'
import { hostDirectory, objectName } from './vars.ts'

/** A list, or text with commas between its words: `--only debian_12/amd64,debian_13/*`. */
const words = z.union([z.array(z.string()), z.string()]).transform((value) => (typeof value === 'string' ? value.split(',').map((word) => word.trim()).filter((word) => word !== '') : value))
const text = z.union([z.string(), z.number()]).transform(String)

/** Read by both parts: what is wrong with it is said before any hypervisor is reached. */
const project = {
  phases_lookup_dir_path: z.string().optional().describe('The project: a directory of phase files, here or among those that ship with farm (phases/vde)'),
} as const

/** Phases after which one may want to look around. */
const SHELL_PHASES = ['dependencies', 'init', 'main'] as const

const where = {
  farm_name: objectName.default('test-farm').describe('Name of the farm: its machines belong to it, and its directories are named after it'),
  libvirt_uri: z.string().optional().describe('Which libvirt: qemu:///system or qemu:///session; ansible_libvirt_uri is read where this is left out'),
  ansible_libvirt_uri: z.string().optional().describe('The same under the name that ansible_farm gives it'),
  vm_pool_dir: hostDirectory.optional().describe('Directory on the hypervisor for the disks; /var/lib/libvirt/images/<farm_name>, or below the home directory with a session'),
  vm_image_cache: hostDirectory.optional().describe('Directory on the hypervisor that keeps verified images; /var/lib/farm/images, or below the home directory with a session'),
  vm_working_dir: hostDirectory.default('/tmp/vm_imgs').describe('Directory on the hypervisor for downloads under way'),
  vm_console_dir: hostDirectory.optional().describe('Directory on the hypervisor for the logs of serial consoles; /var/log/farm, or below the home directory with a session'),
} as const

/** The variables that say which farm is meant and where it lies: all that its removal wants to know. */
export const farmWhereVars = z.object(where)

export type FarmWhereVars = z.output<typeof farmWhereVars>

/** The variables of the first part: what goes where. */
export const placementVars = z.object({
  ...where,
  phases: words.optional().describe('allowed_phases for this run alone, and stronger'),
  ...project,
  shell_after: z.enum(SHELL_PHASES).optional().describe('Open a shell in every machine after this phase'),
  only: words.optional().describe('Only these machines: platform/target, with * for any, e.g. debian_12/amd64,*/arm64'),
  allow_unplaced: z.boolean().default(false).describe('Run the other machines when some fit on no hypervisor'),
  definitions_dir: z.string().optional().describe('Directory on the controller with targets/ and platforms/, looked at before those of the project'),
  prepare_hypervisors: z.boolean().default(true).describe('Start libvirt on hypervisors where it is installed and does not run (system libvirt alone)'),
  memory_reserve: z.number().int().min(0).default(512).meta({ unit: 'MiB' }).describe('Memory that stays free on every hypervisor'),
  machines_at_once: z.number().int().min(1).optional().describe('Machines of one hypervisor that run at once; as many as it has CPUs when left out'),
  libvirtd_service: z.string().optional().describe('Service of libvirt\'s daemon; found by itself when left out'),
})

export type PlacementVars = z.output<typeof placementVars>

/** The variables of the second part: a machine's life. Inventory groups `vms`, target, platform and machine may set them. */
export const machineVars = z.object({
  ...where,
  ...project,
  project_id: z.string().regex(/^[\w.-]+$/, { message: 'letters, digits, "_", "." and "-"' }).optional().describe('Names the project\'s snapshots; the name of its directory when left out'),
  project_revision: text.default('0').describe('Another revision has snapshots of its own'),
  allowed_phases: words.optional().describe('What may be done: startup, restore init, create init, restore clean, create clean, dependencies, init, main, terminate, shutdown; all when left out'),
  phases: words.optional().describe('allowed_phases for this run alone, and stronger'),
  phase_env: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}).describe('Environment of the shell phases'),
  stale: z.enum(['remake', 'warn', 'fail']).default('remake').describe('What to do with a snapshot whose phase files, image or definition have changed since'),
  snapshot_type: z.enum(['auto', 'internal', 'external']).optional().describe('How snapshots are taken; what the machine\'s definition says when left out, and that is auto'),
  snapshot_errors: z.enum(['auto', 'fail', 'continue']).default('auto').describe('auto: one that cannot be taken is a warning, one that cannot be restored a failure; continue: an init that cannot be restored is a warning too, and the machine goes on from clean'),
  wait_until_reachable: z.boolean().default(true).describe('Wait for a login before the phases'),
  wait_until_port_reachable: z.boolean().default(false).describe('Wait only until the SSH server answers'),
  connection_timeout: z.number().int().min(1).optional().meta({ unit: 'seconds' }).describe('How long to wait for the guest; by architecture and virtualisation when left out'),
  keep_on_fail: z.boolean().default(false).describe('Leave a machine running when one of its phases has failed'),
  shell_after: z.enum(SHELL_PHASES).optional().describe('Open a shell in the machine after this phase'),
  recreate: z.boolean().default(false).describe('Make machines anew that exist already'),
})

export type MachineVars = z.output<typeof machineVars>

/** Directories of a farm on one hypervisor. */
export interface FarmDirs {
  readonly pool: string
  readonly images: string
  readonly consoles: string
  readonly working: string
}

/** @param home of the user who works there; a session's files lie below it, where that user may write. */
export function farmDirs(vars: FarmWhereVars, home: string): FarmDirs {
  const session = isSession(libvirtUri(vars))
  const images = session ? posix.join(home, '.local/share/libvirt/images') : '/var/lib/libvirt/images'
  return {
    pool: vars.vm_pool_dir ?? posix.join(images, vars.farm_name),
    images: vars.vm_image_cache ?? (session ? posix.join(home, '.cache/farm/images') : '/var/lib/farm/images'),
    consoles: vars.vm_console_dir ?? (session ? posix.join(home, '.local/state/farm/consoles') : '/var/log/farm'),
    working: vars.vm_working_dir,
  }
}
