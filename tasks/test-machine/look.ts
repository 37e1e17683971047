/** What there is of a machine and what shall become of it: found out and told before anything is done. */
import { imageKey } from '../../src/image/index.ts'
import { foreign, lockScope, type Domain, type Snapshot } from '../../src/hypervisor/index.ts'
import { definitionHash, machineUuid, type MachineVars } from '../../src/machine/index.ts'
import { choosePhases, cleanInputs, findProject, initInputs, inputChanges, LIFE_STEPS, loadPhases, parseInputs, parsePhases, planLife, sharedFiles, snapshotNames, type LifeToken, type PhaseInputs, type Project, type SnapshotState } from '../../src/phase/index.ts'
import { importFile, task, type TaskContext } from '../../src/recipe/index.ts'
import { farmState, machineState, type Life, type Placed } from '../shared/farm-state.ts'
import { onHypervisor } from './place.ts'

/** The project of a machine whose phases are none: the directory is only a name then. */
const NO_PROJECT: Project = { dir: '/', shown: 'no project' }

/** Finds out and decides; changes nothing but takes the machine's lock. */
export const look = task<MachineVars>('look at the machine', { delegateTo: onHypervisor }, async (context) => {
  const state = machineState(context)
  const { placed } = state
  const { host, hypervisor, vars } = context
  const { name } = placed.definition
  if (!context.check) state.lock ??= await lockScope(host, `${context.owner} (pid ${process.pid}) since ${new Date().toISOString()}`, { name: machineUuid(vars.farm_name, name), what: `machine ${name}`, wait: 0 })
  const domain = (await hypervisor.domains.list()).get(name)
  if (domain !== undefined && domain.mark?.cluster !== vars.farm_name) throw foreign(`machine ${name}`, host.name, domain.mark?.cluster)
  const life = await decide(context, placed, domain, domain === undefined ? [] : await hypervisor.snapshots.list(domain))
  for (const warning of life.plan.warnings) context.note('warning', warning)
  if (domain !== undefined && !life.plan.recreate && !vars.recreate && domain.mark?.definition !== undefined && domain.mark.definition !== definitionHash(placed.definition)) {
    context.note('warning', 'its definition has changed since it was made, and it stays as it is: --recreate makes it anew')
  }
  state.life = life
})

async function decide(context: TaskContext<MachineVars>, { definition, image }: Placed, domain: Domain | undefined, snapshots: readonly Snapshot[]): Promise<Life> {
  const { vars } = context
  const { platform, target } = definition
  const project = vars.phases_lookup_dir_path === undefined ? undefined : await findProject(vars.phases_lookup_dir_path)
  const chosen = project === undefined ? undefined : await choosePhases(project, platform, target)
  for (const warning of chosen?.warnings ?? []) context.note('warning', warning)
  const phases = chosen === undefined ? undefined : await loadPhases(chosen, importFile)
  const facts = { id: vars.project_id ?? project?.dir.split('/').at(-1) ?? 'none', revision: vars.project_revision, dir: project?.dir ?? process.cwd() }
  const names = snapshotNames(facts)
  const clean = cleanInputs({ definition: definitionHash(definition), image: imageKey(image) })
  const files = [...(phases?.dependencies?.files ?? []), ...(phases?.init?.files ?? [])]
  const init = project === undefined ? clean : await initInputs(clean, project, await farmState(context).once(`files of ${project.dir}`, () => sharedFiles(project)), files)
  const inputs = { clean, init }
  const known = vars.recreate ? [] : snapshots.map((snapshot) => stateOf(snapshot, snapshot.name === names.clean ? clean : init, project ?? NO_PROJECT))
  const plan = planLife({ allowed: allowedIn(vars, phases === undefined), names, snapshots: known, stale: vars.stale })
  return { domain, snapshots, project: facts, phases, inputs, plan: { ...plan, recreate: plan.recreate || (vars.recreate && domain !== undefined) } }
}

/** What may be done. Without a project nothing would be kept from a phase, so no snapshot of one is made. */
function allowedIn({ phases, allowed_phases: allowed }: MachineVars, none: boolean): ReadonlySet<LifeToken> {
  const tokens = parsePhases(phases ?? allowed ?? [...LIFE_STEPS])
  return none ? new Set([...tokens].filter((token) => !['create init', 'restore init'].includes(token))) : tokens
}

function stateOf({ name, kind, state, inputs }: Snapshot, present: PhaseInputs, project: Project): SnapshotState {
  const recorded = parseInputs(inputs)
  return { name, memory: kind === 'internal' && state === 'running', changes: recorded === undefined ? undefined : inputChanges(recorded, present, project) }
}

