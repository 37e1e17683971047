/** From surveyed hypervisors and configurations to machines with their places: what `farm dispatch` shows and test-farm does. */
import type { Capabilities, CapabilityQuestions, VirtType } from '../../hypervisor/index.ts'
import { sameValue } from '../../vars/helpers/arguments.ts'
import { entryName, expandConfig, refuseDuplicates, type ConfigOrigin, type MachineDefinition, type MatrixEntry } from '../definitions/index.ts'
import { definitionFacts, needsOf, offerOf, questionsOf } from './demand.ts'
import { place } from './place.ts'
import { Resolver, type ResolveEntry } from './resolver.ts'
import { isProblem, type Survey } from './survey.ts'
import type { Demand, Needs, PlacementOptions, Problem, Unplaced } from './types.ts'

/** The variable `config` of a host, and where in it what is written. */
export interface ConfigSource {
  readonly value: unknown
  readonly origin?: ConfigOrigin
}

/** A hypervisor that may get machines. */
export interface MatrixHost {
  readonly name: string
  readonly survey: Survey | Problem
  /** The machines that it shall have itself. */
  readonly config?: ConfigSource | undefined
  /** Resolves an entry with this hypervisor's facts. Hypervisors with the same function share what it gives where the facts that it reads are equal. */
  readonly resolve: ResolveEntry
  /** Finds out what the survey left open; without it, what is open counts as missing. */
  readonly ask?: ((known: Capabilities, questions: CapabilityQuestions) => Promise<Capabilities>) | undefined
}

export interface MatrixRequest {
  readonly hosts: readonly MatrixHost[]
  /** The machines that may be anywhere: localhost's variable `config`. */
  readonly config?: ConfigSource | undefined
  /** Leaves out what is not wanted this time. */
  readonly only?: ((entry: MatrixEntry) => boolean) | undefined
  readonly options?: Omit<PlacementOptions, 'problems'> | undefined
  /** MiB that stay free on every hypervisor. */
  readonly memoryReserve?: number | undefined
}

/** A machine with its place and its definition there. */
export interface PlacedMachine {
  readonly name: string
  readonly entry: MatrixEntry
  readonly definition: MachineDefinition
  readonly hypervisor: string
  readonly virtType: VirtType
  /** For people: why there. */
  readonly reason: string
  /** It is there already. */
  readonly exists: boolean
  readonly movedFrom: string | undefined
}

/** A machine that fits nowhere. */
export interface UnplacedMachine extends Unplaced {
  readonly entry: MatrixEntry
}

/** What came of it. */
export interface MatrixPlan {
  readonly machines: readonly PlacedMachine[]
  /** Ordered by name, as the machines. */
  readonly unplaced: readonly UnplacedMachine[]
  readonly problems: readonly Problem[]
  /** What people should know: duplicates, machines that nobody wants any more. */
  readonly notes: readonly string[]
}

/** A machine that is wanted, and where it may be. */
interface Wanted {
  readonly entry: MatrixEntry
  readonly on: readonly string[] | undefined
}

/** A machine with its definition on each hypervisor that may have it. */
interface Resolved extends Wanted {
  readonly name: string
  readonly definitions: ReadonlyMap<string, MachineDefinition>
}

/**
 * Plans a matrix: expands the configurations, resolves every machine's definition on each hypervisor that may have it, since definitions
 * may depend on the hypervisor's facts, and places them. Hypervisors that could not be surveyed get nothing; the others go on.
 *
 * @throws InputError for a configuration or definition that is not what it has to be
 */
export async function planMatrix({ hosts, config, only = () => true, options = {}, memoryReserve = 0 }: MatrixRequest): Promise<MatrixPlan> {
  const problems = hosts.map(({ survey }) => survey).filter(isProblem)
  const live = hosts.flatMap((host) => (isProblem(host.survey) ? [] : [{ ...host, survey: host.survey }]))
  const wanted = wantedOf(hosts, config).filter(({ entry }) => only(entry))
  const resolved = await Promise.all(wanted.map(async ({ entry, on }): Promise<Resolved> => {
    const resolver = new Resolver(entry)
    const definitions = new Map<string, MachineDefinition>()
    for (const { name, resolve, survey } of live) {
      if (on?.includes(name) ?? true) definitions.set(name, await resolver.resolve(resolve, definitionFacts(survey)))
    }
    return { entry, on, name: [...definitions.values()][0]?.name ?? entryName(entry), definitions }
  }))
  refuseDuplicates(resolved)
  const surveys = await Promise.all(live.map(async ({ name, survey, ask }) => {
    const needs = resolved.flatMap(({ definitions }) => definitions.get(name) ?? []).map(needsOf)
    return ask === undefined ? survey : { ...survey, capabilities: await ask(survey.capabilities, questionsOf(needs)) }
  }))
  const demands = resolved.flatMap((machine) => demandFor(machine, surveys))
  const { assigned, unplaced } = place(demands, surveys.map((survey) => offerOf(survey, memoryReserve)), { ...options, problems })
  const homeless = resolved.filter(({ definitions }) => definitions.size === 0).map(({ name, on }) => ({ machine: name, lacks: lacksOf(on ?? hosts.map((host) => host.name), problems) }))
  const known = new Map(resolved.map((machine) => [machine.name, machine]))
  return {
    machines: assigned.flatMap(({ machine, hypervisor, virtType, reason, movedFrom }) => {
      const { entry, definitions } = known.get(machine) ?? {}
      const definition = definitions?.get(hypervisor)
      if (entry === undefined || definition === undefined) return []
      const exists = surveys.some(({ name, existing }) => name === hypervisor && existing.includes(machine))
      return [{ name: machine, entry, definition, hypervisor, virtType, reason, exists, movedFrom }]
    }),
    unplaced: [...unplaced, ...homeless].sort((a, b) => (a.machine < b.machine ? -1 : 1)).flatMap((one) => {
      const entry = known.get(one.machine)?.entry
      return entry === undefined ? [] : [{ ...one, entry }]
    }),
    problems,
    notes: notesOf(surveys, demands, wantedOf(hosts, config).map(({ entry }) => entryName(entry))),
  }
}

/**
 * The groups and hosts of an inventory whose variables a machine has, the stronger the later: below its own and above all other groups'.
 * `VM <platform>_<target>` is what ansible_farm calls the machine.
 */
export function machinePrecedence({ platform, target }: MatrixEntry): string[] {
  return ['vms', target, platform, `${platform}_${target}`, `VM ${platform}_${target}`]
}

/**
 * What is to be placed: localhost's entries, anywhere; those of a hypervisor, there; an entry that several hypervisors have, on one of them.
 * A hypervisor whose configuration is localhost's (both read it from the same place) has none of its own.
 */
function wantedOf(hosts: readonly MatrixHost[], config: ConfigSource | undefined): Wanted[] {
  const wanted = new Map<string, Wanted>()
  const keyOf = (entry: MatrixEntry): string => JSON.stringify([entryName(entry), entry.platform, entry.target, entry.overrides])
  for (const entry of expandConfig(config?.value, config?.origin)) wanted.set(keyOf(entry), { entry, on: undefined })
  for (const { name, config: own } of hosts) {
    if (own === undefined || (config !== undefined && sameValue(own.value, config.value))) continue
    for (const entry of expandConfig(own.value, own.origin)) wanted.set(keyOf(entry), { entry, on: [...(wanted.get(keyOf(entry))?.on ?? []), name] })
  }
  return [...wanted.values()]
}

/** What a machine demands: as on the first hypervisor, and as on those where its definition says something else. */
function demandFor({ name, on, definitions }: Resolved, surveys: readonly Survey[]): Demand[] {
  const [first, ...others] = [...definitions].map(([hypervisor, definition]) => ({ hypervisor, needs: needsOf(definition) }))
  if (first === undefined) return []
  const variants = Object.fromEntries(others.filter(({ needs }) => !isSame(needs, first.needs)).map(({ hypervisor, needs }) => [hypervisor, needs]))
  const barred = Object.fromEntries(surveys.filter(({ foreign }) => foreign.includes(name)).map((survey) => [survey.name, `there is a machine called ${name} that is not this farm's`]))
  const homes = surveys.filter(({ existing }) => existing.includes(name)).map((survey) => survey.name).sort()
  const existing = homes.find((home) => on?.includes(home) ?? true) ?? homes[0]
  return [{ machine: name, ...first.needs, on, existing, ...(Object.keys(variants).length > 0 && { variants }), ...(Object.keys(barred).length > 0 && { barred }) }]
}

function isSame(one: Needs, other: Needs): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** Of machines for which there is no hypervisor to ask: what is wrong with each. */
function lacksOf(names: readonly string[], problems: readonly Problem[]): Record<string, string[]> {
  return Object.fromEntries(names.map((name) => [name, [problems.find((problem) => problem.name === name)?.problem ?? 'it is not among the hypervisors']]))
}

function notesOf(surveys: readonly Survey[], demands: readonly Demand[], names: readonly string[]): string[] {
  const asked = new Set([...names, ...demands.map(({ machine }) => machine)])
  const homes = new Map<string, string[]>()
  for (const { name, existing } of surveys) for (const machine of existing) homes.set(machine, [...(homes.get(machine) ?? []), name])
  return [...homes].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([machine, places]) => [
    ...(places.length > 1 ? [`${machine} exists on ${places.join(' and ')}: only one of them is used`] : []),
    ...(asked.has(machine) ? [] : [`${machine} exists on ${places.join(' and ')}, and no configuration asks for it any more`]),
  ])
}
