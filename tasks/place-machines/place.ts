/** The matrix is expanded, every machine's definition resolved, and each machine placed; from then on it is a host of the run. */
import { join } from 'node:path'
import { CapacityError, InputError, UnreachableError } from '../../src/errors.ts'
import { checkSteps, type PipelineSpec } from '../../src/image/index.ts'
import { entryName, machinePrecedence, onlyThese, planMatrix, resolveDefinition, selectsNone, someOf, type ConfigSource, type DefinitionFacts, type MachineDefinition, type MatrixEntry, type MatrixHost, type PlacedMachine, type PlacementVars, type Survey } from '../../src/machine/index.ts'
import { importFile, task, type TaskContext, type Variables } from '../../src/recipe/index.ts'
import { isMap } from '../../src/vars/index.ts'
import { farmState, type Placed, type Probed } from '../shared/farm-state.ts'
import { VIA } from '../test-machine/place.ts'

/** Runs once, on the controller, when all hypervisors have been looked at. */
export const placeMachines = task<PlacementVars>('place the machines', { runOnce: true, delegateTo: 'localhost' }, async (context) => {
  const { vars, variables } = context
  const state = farmState(context)
  const chosen = onlyThese(vars.only)
  // One for all: definitions are resolved anew only where hypervisors differ in what they read.
  const resolveEntry = (entry: MatrixEntry, facts: DefinitionFacts): Promise<MachineDefinition> => resolve(context, entry, facts)
  // In the order of the inventory; what could not be looked at could not be reached.
  const hosts = context.hosts.map((name): MatrixHost => {
    const own = variables.of(name)
    const { survey = { name, problem: 'it cannot be reached' }, ask } = state.probed.get(name) ?? {}
    return { name, survey, ask, config: configOf(own), resolve: resolveEntry }
  })
  const known: MatrixEntry[] = []
  const only = (entry: MatrixEntry): boolean => {
    known.push(entry)
    return chosen(entry) && context.withinLimit(entryName(entry), groupsOf(entry))
  }
  const plan = await planMatrix({ hosts, config: configOf(variables.of('localhost')), only, memoryReserve: vars.memory_reserve })
  for (const note of plan.notes) context.note('warning', note)
  if (plan.machines.length === 0 && plan.unplaced.length === 0) throw nothing(vars, hosts.length, known)
  state.unplaced = plan.unplaced
  // What they might have taken is unknown: that is another trouble than machines that are too large.
  if (state.probed.size === 0) {
    throw new UnreachableError('no-hypervisor', hosts.length === 1 ? `the hypervisor ${context.hosts[0] ?? ''} cannot be reached` : `none of the ${hosts.length} hypervisors can be reached: ${context.hosts.join(', ')}`, { hint: 'what is wrong with each stands above; nothing has been done' })
  }
  const lines = plan.unplaced.map(({ machine, lacks }) => `${machine} fits nowhere: ${Object.entries(lacks).map(([host, why]) => `${host}: ${why.join('; ')}`).join(' | ')}`)
  if (lines.length > 0 && !vars.allow_unplaced) {
    throw new CapacityError('unplaced', lines.length === 1 ? (lines[0] ?? '') : `${lines.length} machines fit on no hypervisor`, { details: lines.length === 1 ? [] : lines, hint: '--allow-unplaced runs the others; farm dispatch --explain shows the whole placement' })
  }
  for (const line of lines) context.note('warning', line)
  for (const machine of plan.machines) await admit(context, machine)
})

/** The directories of a user's own definitions and image steps. */
function projectDirs({ vars, variables }: TaskContext<PlacementVars>): string[] {
  const beside = variables.has('inventory_dir') ? [String(variables.get('inventory_dir'))] : []
  return [...new Set([...(vars.definitions_dir === undefined ? [] : [vars.definitions_dir]), ...beside, join(process.cwd(), 'inventory')])]
}

async function resolve(context: TaskContext<PlacementVars>, entry: MatrixEntry, facts: DefinitionFacts): Promise<MachineDefinition> {
  const name = entryName(entry)
  enter(context, name, entry, {})
  const variables = context.variables.of(name)
  const override = variables.has('vm') ? variables.get('vm') : undefined
  if (override !== undefined && !isMap(override)) throw new InputError('definition', `the variable vm of ${name} has to be a map of a definition's fields`, { host: name, location: variables.origin('vm') })
  return resolveDefinition(entry, { dirs: projectDirs(context), facts, variables: lazily(variables), override, overrideLocation: variables.origin('vm'), importModule: importFile })
}

/** Makes the machine a host of the run's inventory, in the groups that its variables may stand in. */
function enter(context: TaskContext<PlacementVars>, name: string, entry: MatrixEntry, variables: Readonly<Record<string, unknown>>, groups: readonly string[] = []): void {
  context.addHost(name, { groups: [...groupsOf(entry), ...groups], precedence: machinePrecedence(entry), variables })
}

function groupsOf({ platform, target }: MatrixEntry): string[] {
  return ['vms', target, platform]
}

async function admit(context: TaskContext<PlacementVars>, machine: PlacedMachine): Promise<void> {
  const { vars, note } = context
  const state = farmState(context)
  const { definition, hypervisor, virtType, reason, name } = machine
  const { survey, uri, dirs, machinesAtOnce } = state.probed.get(hypervisor) as Probed
  const { capabilities } = survey as Survey
  const image: PipelineSpec = { kind: 'pipeline', steps: definition.image, arch: definition.arch, workingDir: dirs.working, stepDirs: projectDirs(context).map((dir) => join(dir, 'steps')), importModule: importFile }
  await checkSteps(image.steps, image.stepDirs, importFile)
  const room = { memory: Math.max(0, capabilities.memory - vars.memory_reserve), machines: machinesAtOnce ?? capabilities.cpus }
  const placed: Placed = { hypervisor, virtType, reason, definition, image, dirs, room, capabilities }
  state.machines.set(name, { placed })
  enter(context, name, machine.entry, { [VIA]: hypervisor, libvirt_uri: uri, platform_name: definition.platform, target_name: definition.target, kvm_host: hypervisor }, ['farm_placed'])
  note(`${name} on ${hypervisor}, ${virtType === 'kvm' ? 'with KVM' : 'emulated'}: ${reason}`)
  if (machine.movedFrom !== undefined) note('warning', `${name} was on ${machine.movedFrom} and is made anew on ${hypervisor}; the old one stays until farm run remove-test-farm`)
}

/** Variables as a map whose values are rendered when they are asked for. */
function lazily(variables: Variables): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {}
  for (const name of variables.names()) Object.defineProperty(values, name, { enumerable: true, get: () => variables.get(name) })
  return values
}

/** The variable `config` of a host, and where it was written. */
function configOf(variables: Variables): ConfigSource | undefined {
  return variables.has('config') ? { value: variables.get('config'), origin: (path) => variables.origin('config', path) } : undefined
}

/** Why there is nothing to do. `known`: what the configuration has, before anything is left out. */
function nothing({ only }: PlacementVars, hypervisors: number, known: readonly MatrixEntry[]): InputError {
  if (known.length === 0) {
    return new InputError('no-machines', `there is no machine to run on the ${hypervisors} hypervisor${hypervisors === 1 ? '' : 's'}`, { hint: 'set the variable config of localhost, e.g. config: { permutations: { platforms: [debian_12], targets: [amd64] } }; see docs/definitions.md' })
  }
  const chosen = only === undefined ? [] : known.filter(onlyThese(only))
  if (only !== undefined && chosen.length === 0) return selectsNone(only, known)
  const names = [...new Set((only === undefined ? known : chosen).map(entryName))].sort()
  return new InputError('no-machines', '--limit leaves no machine', { details: [`without it there would be ${someOf(names)}`], hint: 'it takes names of machines, platforms, targets and hypervisors' })
}
