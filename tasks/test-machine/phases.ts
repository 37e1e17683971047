/** The project's phases, run in the guest. */
import type { MachineVars } from '../../src/machine/index.ts'
import type { PhaseName } from '../../src/phase/index.ts'
import { include, phaseTasks, task, type Include, type Step } from '../../src/recipe/index.ts'
import { lifeOf, machineState } from '../shared/farm-state.ts'

/** A phase as steps of the recipe, decided on when it is its turn. */
export function phase(name: PhaseName): Include<MachineVars> {
  return include<MachineVars>(`phase ${name}`, (context) => {
    const { plan, phases, project } = lifeOf(context)
    const { run, reason } = plan.steps[name]
    if (!run) context.skip(reason)
    const loaded = phases?.[name]
    if (loaded === undefined) return context.skip(phases === undefined ? 'there is no project' : `the project has no ${name} for this machine`)
    const { hypervisor, definition } = machineState(context).placed
    const steps: Step<never>[] = phaseTasks(loaded, { platform: definition.platform, target: definition.target, project, hypervisorName: hypervisor })
    return context.vars.shell_after === name ? [...steps, shellAfter(name)] as Step<MachineVars>[] : (steps as Step<MachineVars>[])
  })
}

/** A shell in the machine, for whoever sits at the terminal; the run goes on when it is left. */
function shellAfter(name: PhaseName): Step<MachineVars> {
  return task<MachineVars>(`shell after ${name}`, async (context) => {
    context.note(`a shell in ${context.inventoryHost} after ${name}: leave it and the run goes on`)
    await context.shell()
  })
}
