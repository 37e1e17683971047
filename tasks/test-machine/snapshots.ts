/** Snapshots in a machine's life: going back to one, and taking one. */
import { FarmError, InterruptedError, UnreachableError } from '../../src/errors.ts'
import type { Domain, Snapshot } from '../../src/hypervisor/index.ts'
import type { MachineVars } from '../../src/machine/index.ts'
import { planLife, type PhaseInputs } from '../../src/phase/index.ts'
import { task, type Task, type TaskContext } from '../../src/recipe/index.ts'
import { isThere, lifeOf, machineState } from '../shared/farm-state.ts'
import { aboutToStart, awaitGuest, domainOf, inGuest, start } from './guest.ts'
import { onHypervisor } from './place.ts'
import { stepOf } from './step.ts'

export const restoreInit = restore('restore init')
export const restoreClean = restore('restore clean')
export const createClean = create('create clean', ({ clean }) => clean)
export const createInit = create('create init', ({ init }) => init)

function restore(token: 'restore init' | 'restore clean'): Task<MachineVars, void> {
  return task<MachineVars>(token, { delegateTo: onHypervisor }, async (context) => {
    const { run, reason, snapshot: name = '' } = stepOf(context, token)
    if (!run) context.skip(reason)
    const domain = await domainOf(context)
    try {
      await aboutToStart(context, domain)
      const { running } = await context.hypervisor.snapshots.restore(domain, name)
      if (context.check) return
      // What answered before is gone, and so is whatever was connected to it.
      await context.disconnect(context.inventoryHost)
      if (!running && !stepOf(context, 'startup').run) return
      await comeUp(context)
      if (running && context.vars.wait_until_reachable && !context.vars.wait_until_port_reachable) await setClock(context)
    } catch (error) {
      if (context.vars.snapshot_errors !== 'continue' || !isTrouble(error) || !(await goOnWithout(context, name))) throw error
      context.note('warning', `${name} could not be restored, so the machine goes on from further back: ${error.message}`)
    }
  })
}

/** Sees that the machine runs and, where that is asked for, that it can be reached. */
async function comeUp(context: TaskContext<MachineVars>): Promise<void> {
  await start(context, await domainOf(context))
  if (context.vars.wait_until_reachable) await awaitGuest(context)
}

/** Decides anew what is to be done, as if there were no such snapshot. False where there is none further back: the disks are as nobody knows them. */
async function goOnWithout(context: TaskContext<MachineVars>, name: string): Promise<boolean> {
  const life = lifeOf(context)
  const choices = { ...life.choices, snapshots: life.choices.snapshots.filter((snapshot) => snapshot.name !== name) }
  const plan = planLife(choices)
  if (plan.restored === undefined || plan.recreate) return false
  for (const warning of plan.warnings) context.note('warning', warning)
  machineState(context).life = { ...life, choices, plan }
  await context.disconnect(context.inventoryHost)
  return true
}

/** Memory that comes back brings its time along. */
async function setClock(context: TaskContext): Promise<void> {
  await inGuest(context, ($) => $({ nothrow: true })`date -u -s @${String(Math.round(Date.now() / 1000))}`)
}

function create(token: 'create clean' | 'create init', inputsOf: (inputs: { readonly clean: PhaseInputs; readonly init: PhaseInputs }) => PhaseInputs): Task<MachineVars, void> {
  return task<MachineVars>(token, { delegateTo: onHypervisor }, async (context) => {
    const life = lifeOf(context)
    const { run, reason, snapshot: name = '' } = stepOf(context, token)
    if (!run) context.skip(reason)
    if (context.check && !isThere(life)) return void (await context.host.change({ summary: `take snapshot ${name}` }, () => Promise.resolve()))
    try {
      const domain = await domainOf(context)
      const old = (await context.hypervisor.snapshots.list(domain)).find((snapshot) => snapshot.name === name)
      if (old !== undefined) await remove(context, domain, old)
      if (context.check) return void (await context.host.change({ summary: `take snapshot ${name}` }, () => Promise.resolve()))
      if (domain.active) await sync(context)
      const { definition } = machineState(context).placed
      const { kind } = await context.hypervisor.snapshots.kindFor(domain, context.vars.snapshot_type ?? definition.snapshotType)
      await context.hypervisor.snapshots.create(domain, name, { kind, inputs: inputsOf(life.inputs) })
    } catch (error) {
      if (context.vars.snapshot_errors === 'fail' || !isTrouble(error)) throw error
      context.note('warning', `${name} could not be taken, so the next run begins further back: ${error.message}`)
    }
  })
}

async function remove(context: TaskContext, domain: Domain, { name }: Snapshot): Promise<void> {
  await context.hypervisor.snapshots.remove(domain, name, { children: true })
}

/** What the guest has in memory is written. One that need not be reachable may have nobody to ask. */
async function sync(context: TaskContext<MachineVars>): Promise<void> {
  try {
    await inGuest(context, ($) => $`sync`)
  } catch (error) {
    if (context.vars.wait_until_reachable || !isTrouble(error)) throw error
  }
}

/** Trouble with the snapshot or the machine; not farm's own defects, and neither the hypervisor's going nor the user's wish to end. */
function isTrouble(error: unknown): error is FarmError {
  return error instanceof FarmError && !(error instanceof UnreachableError) && !(error instanceof InterruptedError)
}
