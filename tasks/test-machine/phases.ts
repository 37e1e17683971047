/** The project's phases, run in the guest. */
import { basename } from 'node:path'
import type { MachineVars } from '../../src/machine/index.ts'
import type { LoadedPhase, PhaseName } from '../../src/phase/index.ts'
import { include, phaseTasks, task, type Include, type Step, type TaskContext } from '../../src/recipe/index.ts'
import { isThere, lifeOf, machineState } from '../shared/farm-state.ts'
import { domainOf } from './guest.ts'
import { onHypervisor } from './place.ts'
import { stepOf } from './step.ts'

/** A phase as steps of the recipe, decided on when it is its turn. */
export function phase(name: PhaseName): Include<MachineVars> {
  return include<MachineVars>(`phase ${name}`, async (context) => {
    const { phases, project } = lifeOf(context)
    const { run, reason } = stepOf(context, name)
    if (!run) context.skip(reason)
    const loaded = phases?.[name]
    if (loaded === undefined) return context.skip(phases === undefined ? 'there is no project' : `the project has no ${name} for this machine`)
    if (context.check && !(await canBeAsked(context))) return [planned(name, loaded) as Step<MachineVars>]
    const { hypervisor, definition } = machineState(context).placed
    const steps: Step<never>[] = phaseTasks(loaded, { platform: definition.platform, target: definition.target, project, hypervisorName: hypervisor })
    return context.vars.shell_after === name ? [...steps, shellAfter(name)] as Step<MachineVars>[] : (steps as Step<MachineVars>[])
    // Deciding needs no guest.
  }, { delegateTo: onHypervisor })
}

/** In check mode: whether the guest runs, in the state in which its phases would find it. */
async function canBeAsked(context: TaskContext<MachineVars>): Promise<boolean> {
  const life = lifeOf(context)
  return isThere(life) && life.plan.restored === undefined && (await domainOf(context)).active
}

/** What stands for a phase in check mode where there is no guest to ask. */
function planned(name: PhaseName, { file }: LoadedPhase): Step<never> {
  return task<MachineVars>(name, { delegateTo: onHypervisor }, async ({ host }) => void (await host.change({ summary: `run ${basename(file)} in the machine` }, () => Promise.resolve())))
}

/** A shell in the machine, for whoever sits at the terminal; the run goes on when it is left. */
function shellAfter(name: PhaseName): Step<MachineVars> {
  return task<MachineVars>(`shell after ${name}`, async (context) => {
    context.note(`a shell in ${context.inventoryHost} after ${name}: leave it and the run goes on`)
    await context.shell()
  })
}
