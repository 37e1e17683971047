/** What there is of a machine and what shall become of it: found out and told before anything is done. */
import { imageKey } from '../../src/image/index.ts'
import { foreign, type Domain, type Snapshot, type SnapshotBase } from '../../src/hypervisor/index.ts'
import { definitionHash, type MachineDefinition, type MachineVars } from '../../src/machine/index.ts'
import { choosePhases, cleanInputs, findProject, initInputs, inputChanges, loadPhases, parseInputs, planLife, sharedFiles, snapshotNames, type LifeInput, type PhaseInputs, type Project, type SnapshotState } from '../../src/phase/index.ts'
import { importFile, task, type TaskContext } from '../../src/recipe/index.ts'
import { farmState, machineState, type Life, type Placed } from '../shared/farm-state.ts'
import { lockMachine } from '../shared/machine-lock.ts'
import { onHypervisor } from './place.ts'
import { allowedIn } from './step.ts'

/** The project of a machine whose phases are none: the directory is only a name then. */
const NO_PROJECT: Project = { dir: '/', shown: 'no project' }

/** Finds out and decides; changes nothing but takes the machine's lock. */
export const look = task<MachineVars>('look at the machine', { delegateTo: onHypervisor }, async (context) => {
  const state = machineState(context)
  const { placed } = state
  const { host, hypervisor, vars } = context
  const { name } = placed.definition
  if (!context.check) state.lock ??= await lockMachine(context, name)
  const domain = (await hypervisor.domains.list()).get(name)
  if (domain !== undefined && domain.mark?.cluster !== vars.farm_name) throw foreign(`machine ${name}`, host.name, domain.mark?.cluster)
  const life = await decide(context, placed, domain, domain === undefined ? [] : await hypervisor.snapshots.list(domain))
  for (const warning of life.plan.warnings) context.note('warning', warning)
  if (domain !== undefined && !life.plan.recreate && !vars.recreate && domain.mark?.definition !== undefined && domain.mark.definition !== definitionHash(placed.definition)) {
    context.note('warning', 'its definition has changed since it was made, and it stays as it is: --recreate makes it anew')
  }
  await checkKind(context, placed.definition, life)
  state.life = life
})

/** A kind of snapshots that was asked for and that the machine cannot have is refused before anything is made of it. */
async function checkKind({ hypervisor, vars }: TaskContext<MachineVars>, definition: MachineDefinition, { domain, plan }: Life): Promise<void> {
  const wanted = vars.snapshot_type ?? definition.snapshotType
  if (wanted === 'auto' || !(plan.steps['create clean'].run || plan.steps['create init'].run)) return
  if (domain !== undefined && !plan.recreate) await hypervisor.snapshots.kindFor(domain, wanted)
  else await hypervisor.snapshots.kindForPlanned(definition.name, snapshotBaseOf(definition), wanted)
}

function snapshotBaseOf({ disks, firmware }: MachineDefinition): SnapshotBase {
  const parts = disks.map(({ device, format, readonly, snapshot }) => ({ device, type: 'file', format, taken: !readonly && snapshot, leftOut: !readonly && !snapshot }))
  const flash = firmware.kind === 'efi' || (firmware.kind === 'file' && firmware.nvram !== undefined)
  return { parts, variables: flash ? 'raw' : undefined }
}

async function decide(context: TaskContext<MachineVars>, { definition, image }: Placed, domain: Domain | undefined, snapshots: readonly Snapshot[]): Promise<Life> {
  const { vars } = context
  const { platform, target } = definition
  if (vars.phases_lookup_dir_path === undefined) context.note('warning', 'no project is named, so nothing runs in the machine: --phases-lookup-dir-path phases/hello names one')
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
  const choices: LifeInput = { allowed: allowedIn(vars, phases === undefined), names, snapshots: known, stale: vars.stale }
  const plan = planLife(choices)
  return { domain, snapshots, project: facts, phases, inputs, choices, plan: { ...plan, recreate: plan.recreate || (vars.recreate && domain !== undefined) } }
}

function stateOf({ name, kind, state, inputs }: Snapshot, present: PhaseInputs, project: Project): SnapshotState {
  const recorded = parseInputs(inputs)
  return { name, memory: kind === 'internal' && state === 'running', changes: recorded === undefined ? undefined : inputChanges(recorded, present, project) }
}

