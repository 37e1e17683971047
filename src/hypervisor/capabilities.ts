/** What a hypervisor can run: asked of libvirt and of the host, kept as plain data, so that it can be stored and compared. */
import { FarmError, TaskError } from '../errors.ts'
import { factsOf, type Host } from '../host/index.ts'
import { readDomain, readGuests } from './capabilities-parse.ts'
import { kvmObstacle, probe, type HypervisorFacts, type VirtType } from './probe.ts'
import { Virsh } from './virsh.ts'

/** A machine type: `q35`, with the versioned name that it stands for. */
export interface MachineType {
  readonly name: string
  readonly canonical?: string
  readonly maxCpus?: number
}

/** One way to run an architecture, with its own emulator and machine types where they differ from the architecture's. */
export interface VirtSupport {
  /** As libvirt names it: kvm, qemu, hvf, … */
  readonly type: string
  readonly emulator?: string
  readonly machines?: readonly MachineType[]
}

/** An architecture that has an emulator. */
export interface GuestSupport {
  readonly arch: string
  readonly emulator: string
  readonly machines: readonly MachineType[]
  readonly virtTypes: readonly VirtSupport[]
}

/** What domains of one architecture, machine type and virtualisation type can have. */
export interface DomainSupport {
  readonly arch: string
  /** As it was asked for, and the versioned name that it stands for. */
  readonly machine: string
  readonly canonical: string
  readonly virtType: string
  readonly emulator: string
  readonly maxVcpus?: number
  /** libvirt finds UEFI firmware for it. */
  readonly efi: boolean
  /** Those that are supported, of host-passthrough, host-model, maximum and custom. */
  readonly cpuModes: readonly string[]
  /** CPU models that work, or of which libvirt cannot tell. Empty without `custom`: then models are not known by name. */
  readonly cpuModels: readonly string[]
  /** CPU models that lack something here. */
  readonly unusableModels: readonly string[]
}

/** Everything that decides what a hypervisor can run. Plain data. */
export interface Capabilities {
  /** As libvirt names it. */
  readonly arch: string
  readonly cpus: number
  /** MiB. */
  readonly memory: number
  /** MiB that a new process could have at the time of asking. */
  readonly memoryFree: number
  /** `ID` of os-release, and the codename of its release; empty where it does not say. */
  readonly distribution: string
  readonly codename: string
  /** The program that installs packages, where it is one that farm knows. */
  readonly installer?: Installer
  /** The login user's home directory. */
  readonly home: string
  /** Why KVM does not work; absent where it does. */
  readonly kvmObstacle?: { readonly why: string; readonly mend: string }
  /** Free bytes at each path asked for, which need not exist yet. */
  readonly free: Readonly<Record<string, number>>
  readonly guests: readonly GuestSupport[]
  readonly domains: readonly DomainSupport[]
  /** Of the files asked for (emulators, firmware), whether they are there. */
  readonly files: Readonly<Record<string, boolean>>
}

const INSTALLERS = ['apt-get', 'dnf', 'pacman', 'zypper', 'apk'] as const
export type Installer = (typeof INSTALLERS)[number]

/** A kind of domain to ask about. */
export interface DomainQuestion {
  readonly arch: string
  readonly machine: string
  readonly virtType: VirtType
  /** An emulator that libvirt does not find by itself. */
  readonly emulator?: string | undefined
}

/** What else to find out. */
export interface CapabilityQuestions {
  readonly domains: readonly DomainQuestion[]
  /** Files whose presence matters. */
  readonly files: readonly string[]
}

/** The usual machine type of each architecture that farm ships: asked about in the first round trip, since most machines need no more. */
const USUAL: Readonly<Record<string, string>> = { x86_64: 'q35', aarch64: 'virt', ppc64le: 'pseries', riscv64: 'virt', s390x: 's390-ccw-virtio' }
const USUAL_QUESTIONS: readonly DomainQuestion[] = Object.entries(USUAL).flatMap(([arch, machine]) => [{ arch, machine, virtType: 'kvm' as const }, { arch, machine, virtType: 'qemu' as const }])

/**
 * Asks a host what it can run. Three commands at the same time: one round trip. All of libvirt's answers come from one virsh:
 * where /dev/kvm is closed to emulators, libvirt looks at each of them anew for every client, which takes seconds.
 *
 * @param paths whose free space matters.
 * @throws TaskError `libvirt-missing`, `libvirt-silent` or `capabilities-unreadable`: this host can run nothing for now.
 */
export async function probeCapabilities(host: Host, uri: string, { paths = [], facts }: { readonly paths?: readonly string[]; readonly facts?: Promise<HypervisorFacts> } = {}): Promise<Capabilities> {
  const virsh = new Virsh(host, uri)
  const [known, { user }, [guests, ...domains]] = await Promise.all([facts ?? probe(host, paths), factsOf(host), virsh.ask([['capabilities'], ...USUAL_QUESTIONS.map(commandOf)])])
  if (guests === undefined) throw await silence(virsh, known)
  const answers = domains.map((document, index) => (document === undefined ? [] : [{ document, machine: USUAL_QUESTIONS[index]?.machine ?? '' }])).flat()
  try {
    return capabilitiesFrom(known, user.home, guests, answers)
  } catch (error) {
    if (error instanceof FarmError) throw error
    throw new TaskError('capabilities-unreadable', `what libvirt says of its capabilities cannot be read: ${error instanceof Error ? error.message : String(error)}`, { host: host.name, cause: error })
  }
}

/** Puts together what was found out: libvirt's documents and the host's facts. */
export function capabilitiesFrom(facts: HypervisorFacts, home: string, guests: string, domains: readonly { readonly document: string; readonly machine: string }[]): Capabilities {
  const obstacle = kvmObstacle(facts)
  const installer = INSTALLERS.find((program) => facts.programs.has(program))
  return {
    arch: libvirtArch(facts.arch),
    cpus: facts.cpus,
    memory: facts.memoryTotal,
    memoryFree: facts.memoryAvailable,
    distribution: facts.distribution[0] ?? '',
    codename: facts.codename,
    ...(installer !== undefined && { installer }),
    home,
    ...(obstacle !== undefined && { kvmObstacle: obstacle }),
    free: Object.fromEntries([...facts.free].map(([path, mib]) => [path, mib * 2 ** 20])),
    guests: readGuests(guests),
    domains: domains.map(({ document, machine }) => readDomain(document, machine)),
    files: {},
  }
}

/** Finds out what the first look did not ask: one round trip, none where everything is known. */
export async function learnCapabilities(host: Host, uri: string, known: Capabilities, { domains, files }: CapabilityQuestions): Promise<Capabilities> {
  const [asked, sought] = [domains.filter((question) => isOpen(known, question)), files.filter((file) => !Object.hasOwn(known.files, file))]
  if (asked.length === 0 && sought.length === 0) return known
  const virsh = new Virsh(host, uri)
  const [documents, present] = await Promise.all([
    virsh.ask(asked.map(commandOf)),
    sought.length === 0 ? '' : host.query`for file in ${sought}; do if [ -e "$file" ]; then echo "1 $file"; fi; done`.text(),
  ])
  const there = new Set(present.split('\n'))
  return {
    ...known,
    domains: [...known.domains, ...documents.flatMap((document, index) => (document === undefined ? [] : [readDomain(document, asked[index]?.machine ?? '')]))],
    files: { ...known.files, ...Object.fromEntries(sought.map((file) => [file, there.has(`1 ${file}`)])) },
  }
}

/** What libvirt knows of the domains in question; undefined where it was not asked, or cannot run them. */
export function domainSupport(known: Capabilities, { arch, machine, virtType, emulator }: DomainQuestion): DomainSupport | undefined {
  return known.domains.find((domain) => domain.arch === arch && domain.virtType === virtType && (domain.machine === machine || domain.canonical === machine) && (emulator === undefined || domain.emulator === emulator))
}

/** Whether asking could tell more: the architecture has an emulator, or one is named. */
function isOpen(known: Capabilities, question: DomainQuestion): boolean {
  const possible = question.emulator !== undefined || known.guests.some(({ arch, virtTypes }) => arch === question.arch && virtTypes.some(({ type }) => type === question.virtType))
  return possible && domainSupport(known, question) === undefined
}

function commandOf({ arch, machine, virtType, emulator }: DomainQuestion): string[] {
  return ['domcapabilities', '--arch', arch, '--machine', machine, '--virttype', virtType, ...(emulator === undefined ? [] : ['--emulatorbin', emulator])]
}

/** libvirt's name for what `uname -m` says. */
function libvirtArch(machine: string): string {
  return /^i[3-6]86$/.test(machine) ? 'i686' : machine === 'armv8l' ? 'armv7l' : machine
}

async function silence(virsh: Virsh, facts: HypervisorFacts): Promise<TaskError> {
  const { name } = virsh.host
  if (!facts.programs.has('virsh')) return new TaskError('libvirt-missing', 'libvirt is not installed', { host: name, hint: `farm doctor ${name} says how to install it` })
  const answer = await virsh.version()
  const why = answer.version === undefined ? answer.reason.replace(/^error: /, '') : 'virsh capabilities failed'
  return new TaskError('libvirt-silent', `libvirt does not answer: ${why}`, { host: name, hint: `farm doctor ${name} says what is missing` })
}
