/** One hypervisor as the dispatcher sees it: what it can do, and what is there already. */
import { TaskError } from '../../errors.ts'
import { learnCapabilities, probeCapabilities, type Capabilities, type CapabilityQuestions, type Domain, type Hypervisor } from '../../hypervisor/index.ts'
import type { Problem } from './types.ts'

/** What was found out of a hypervisor. Plain data. Memory in MiB. */
export interface Survey {
  readonly name: string
  readonly capabilities: Capabilities
  /** Where disks are made. */
  readonly poolDir: string
  /** Machines of this farm that exist there. */
  readonly existing: readonly string[]
  /** Names that are taken by machines that are not this farm's. */
  readonly foreign: readonly string[]
  /** What machines that are not this farm's use while they run. */
  readonly running: { readonly memory: number; readonly cpus: number }
  /** What this farm's own machines use. */
  readonly ownMemory: number
}

export interface SurveyOptions {
  /** Which machines are ours: the cluster that their mark names. */
  readonly farmName: string
  /** Where disks are made; need not exist yet. */
  readonly poolDir: string
}

/**
 * Looks a hypervisor over; changes nothing. One without a working libvirt is a problem of its own, and no reason for others to stop.
 * @throws UnreachableError, InterruptedError
 */
export async function surveyHypervisor(hypervisor: Hypervisor, { farmName, poolDir }: SurveyOptions): Promise<Survey | Problem> {
  const { host, virsh } = hypervisor
  const { name } = host
  const answers = await Promise.allSettled([probeCapabilities(host, virsh.uri, { facts: hypervisor.facts([poolDir]) }), hypervisor.domains.list()])
  for (const answer of answers) {
    if (answer.status === 'rejected' && !(answer.reason instanceof TaskError)) throw answer.reason
  }
  const [capabilities, domains] = answers
  const failure = [capabilities, domains].find((answer) => answer.status === 'rejected')
  if (capabilities.status === 'rejected' || domains.status === 'rejected') {
    return { name, problem: failure?.status === 'rejected' && failure.reason instanceof TaskError ? failure.reason.message : 'it cannot be probed' }
  }
  const all = [...domains.value.values()]
  const own = all.filter(({ mark }) => mark?.cluster === farmName)
  const others = all.filter((domain) => !own.includes(domain))
  return {
    name, capabilities: capabilities.value, poolDir, existing: own.map((domain) => domain.name), foreign: others.map((domain) => domain.name),
    running: { memory: sumOf(others, 'memMiB'), cpus: sumOf(others, 'cpus') }, ownMemory: sumOf(own, 'memMiB'),
  }
}

function sumOf(domains: readonly Domain[], field: 'memMiB' | 'cpus'): number {
  return domains.filter(({ active }) => active).reduce((sum, domain) => sum + domain[field], 0)
}

/** Finds out what a survey has left open: for {@link MatrixHost.ask}. */
export function askOf({ host, virsh }: Hypervisor): (known: Capabilities, questions: CapabilityQuestions) => Promise<Capabilities> {
  return (known, questions) => learnCapabilities(host, virsh.uri, known, questions)
}

export function isProblem(survey: Survey | Problem): survey is Problem {
  return 'problem' in survey
}
