/** The machine is started, waited for, and powered off again. */
import { powerOff } from '../../src/hypervisor/index.ts'
import type { MachineVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { farmState, lifeOf, machineState } from '../shared/farm-state.ts'
import { aboutToStart, awaitGuest, domainOf, inGuest } from './guest.ts'
import { onHypervisor } from './place.ts'

/** Waits for its turn on the hypervisor, then starts the machine; one that a snapshot starts is only let in. */
export const startup = task<MachineVars>('startup', { delegateTo: onHypervisor }, async (context) => {
  const { plan } = lifeOf(context)
  const state = machineState(context)
  const { steps, boot } = plan
  const door = farmState(context).door(state.placed.hypervisor, state.placed.room)
  const { memory } = state.placed.definition
  if (door.busy(memory) && !context.check) context.progress(`waiting for room on ${state.placed.hypervisor}`)
  if (!context.check) state.leave ??= await door.enter(memory, context.signal)
  if (!steps.startup.run) context.skip(steps.startup.reason)
  if (boot !== 'first') context.skip(steps.startup.reason)
  if (context.check && lifeOf(context).domain === undefined) return void (await context.host.change({ summary: `start machine ${context.inventoryHost}` }, () => Promise.resolve()))
  const domain = await domainOf(context)
  if (domain.active && domain.state === 'running') return
  await aboutToStart(context, domain)
  await context.hypervisor.domains.start(domain)
  context.rung(domain.name, 'running', 0)
})

/** Waits for the guest that startup has started, or that ran already. */
export const waitForGuest = task<MachineVars>('wait until the guest is reachable', { delegateTo: onHypervisor }, async (context) => {
  const { plan } = lifeOf(context)
  if (!context.vars.wait_until_reachable) context.skip('wait_until_reachable is false')
  if (plan.boot === 'by restore' || plan.boot === 'after restore') context.skip(plan.steps.startup.reason)
  if (context.check) context.skip('nothing is started in check mode')
  await awaitGuest(context)
})

/** Powers the machine off, whatever happened before. */
export const shutdown = task<MachineVars>('shutdown', { delegateTo: onHypervisor }, async (context) => {
  const state = machineState(context)
  const { steps } = lifeOf(context).plan
  try {
    if (!steps.shutdown.run) context.skip(steps.shutdown.reason)
    if (context.failure !== undefined && context.vars.keep_on_fail) {
      context.skip(`it failed and is kept running: ${context.again(`ssh ${context.inventoryHost}`)}`)
    }
    const domain = (await context.hypervisor.domains.list()).get(context.inventoryHost)
    if (domain === undefined || !domain.active) return context.skip('it is off')
    const { how, seconds } = await powerOff(context.hypervisor, domain, { patience: state.placed.definition.shutdownTimeout, ask: () => inGuest(context, ($) => $({ nothrow: true })`(sleep 0.2; poweroff || /sbin/poweroff) >/dev/null 2>&1 &`) })
    if (how === 'destroyed') context.note('warning', `${domain.name} did not power off within ${Math.round(seconds)} s, so its power was cut`)
  } finally {
    state.leave?.()
    await state.lock?.release()
    state.lock = undefined
  }
})
