/** What is to be done of a machine's life, as it is to be done now. */
import type { MachineVars } from '../../src/machine/index.ts'
import { LIFE_STEPS, parsePhases, reconsider, type LifeStep, type LifeToken } from '../../src/phase/index.ts'
import type { TaskContext } from '../../src/recipe/index.ts'
import { lifeOf } from '../shared/farm-state.ts'

/** A step of the plan. A phase may have set `allowed_phases` meanwhile: what it says counts from the next step on. */
export function stepOf(context: Pick<TaskContext<MachineVars>, 'vars' | 'shared' | 'inventoryHost'>, token: LifeToken): LifeStep {
  const { plan, phases } = lifeOf(context)
  return reconsider(plan.steps[token], allowedIn(context.vars, phases === undefined))
}

/** What may be done. Without a project nothing would be kept from a phase, so no snapshot of one is made. */
export function allowedIn({ phases, allowed_phases: allowed }: MachineVars, none: boolean): ReadonlySet<LifeToken> {
  const tokens = parsePhases(phases ?? allowed ?? [...LIFE_STEPS])
  return none ? new Set([...tokens].filter((token) => !['create init', 'restore init'].includes(token))) : tokens
}
