/** Snapshots in a machine's life: going back to one, and taking one. */
import type { Domain, Snapshot } from '../../src/hypervisor/index.ts'
import type { MachineVars } from '../../src/machine/index.ts'
import type { PhaseInputs } from '../../src/phase/index.ts'
import { task, type Task, type TaskContext } from '../../src/recipe/index.ts'
import { lifeOf, machineState } from '../shared/farm-state.ts'
import { aboutToStart, awaitGuest, domainOf, inGuest } from './guest.ts'
import { onHypervisor } from './place.ts'

export const restoreInit = restore('restore init')
export const restoreClean = restore('restore clean')
export const createClean = create('create clean', ({ clean }) => clean)
export const createInit = create('create init', ({ init }) => init)

function restore(token: 'restore init' | 'restore clean'): Task<MachineVars, void> {
  return task<MachineVars>(token, { delegateTo: onHypervisor }, async (context) => {
    const { plan } = lifeOf(context)
    const { run, reason, snapshot: name = '' } = plan.steps[token]
    if (!run) context.skip(reason)
    const domain = await domainOf(context)
    await aboutToStart(context, domain)
    const { running } = await context.hypervisor.snapshots.restore(domain, name)
    if (context.check) return
    if (!running && plan.steps.startup.run) await context.hypervisor.domains.start(await domainOf(context))
    // What answered before is gone, and so is whatever was connected to it.
    await context.disconnect(context.inventoryHost)
    if (!running && !plan.steps.startup.run) return
    if (context.vars.wait_until_reachable) await awaitGuest(context)
    if (running && !context.vars.wait_until_port_reachable) await setClock(context)
  })
}

/** Memory that comes back brings its time along. */
async function setClock(context: TaskContext): Promise<void> {
  await inGuest(context, ($) => $({ nothrow: true })`date -u -s @${String(Math.round(Date.now() / 1000))}`)
}

function create(token: 'create clean' | 'create init', inputsOf: (inputs: { readonly clean: PhaseInputs; readonly init: PhaseInputs }) => PhaseInputs): Task<MachineVars, void> {
  return task<MachineVars>(token, { delegateTo: onHypervisor }, async (context) => {
    const life = lifeOf(context)
    const { run, reason, snapshot: name = '', replaces } = life.plan.steps[token]
    if (!run) context.skip(reason)
    if (context.check && life.domain === undefined) return void (await context.host.change({ summary: `take snapshot ${name}` }, () => Promise.resolve()))
    try {
      const domain = await domainOf(context)
      if (replaces) await remove(context, domain, life.snapshots.find((snapshot) => snapshot.name === name))
      if (!context.check && domain.active) await inGuest(context, ($) => $`sync`)
      const { definition } = machineState(context).placed
      const { kind } = await context.hypervisor.snapshots.kindFor(domain, context.vars.snapshot_type ?? definition.snapshotType)
      await context.hypervisor.snapshots.create(domain, name, { kind, inputs: inputsOf(life.inputs) })
    } catch (error) {
      if (context.vars.snapshot_errors !== 'auto' && context.vars.snapshot_errors !== 'continue') throw error
      context.signal.throwIfAborted()
      context.note('warning', `${name} could not be taken, so the next run begins further back: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
}

async function remove(context: TaskContext, domain: Domain, snapshot: Snapshot | undefined): Promise<void> {
  if (snapshot !== undefined) await context.hypervisor.snapshots.remove(domain, snapshot.name, { children: true })
}
