/** The machine is started, waited for, and powered off again. */
import { powerOff } from '../../src/hypervisor/index.ts'
import type { MachineVars } from '../../src/machine/index.ts'
import { PHASES } from '../../src/phase/index.ts'
import { task } from '../../src/recipe/index.ts'
import { farmState, isThere, lifeOf, machineState } from '../shared/farm-state.ts'
import { awaitGuest, domainOf, inGuest, start } from './guest.ts'
import { onHypervisor } from './place.ts'
import { stepOf } from './step.ts'

/** Waits for its turn on the hypervisor, then starts the machine; one that a snapshot starts is only let in. */
export const startup = task<MachineVars>('startup', { delegateTo: onHypervisor }, async (context) => {
  const { plan } = lifeOf(context)
  const state = machineState(context)
  const door = farmState(context).door(state.placed.hypervisor, state.placed.room)
  const { memory } = state.placed.definition
  if (!context.check) {
    if (door.busy(memory)) context.progress(`waiting for room on ${state.placed.hypervisor}`)
    state.leave ??= await door.enter(memory, context.signal)
    // The wait may have been long.
    context.hypervisor.memory.list = undefined
  }
  const { run, reason } = stepOf(context, 'startup')
  if (!run || plan.boot !== 'first') context.skip(reason)
  if (context.check && !isThere(lifeOf(context))) return void (await context.host.change({ summary: `start machine ${context.inventoryHost}` }, () => Promise.resolve()))
  await start(context, await domainOf(context))
})

/** Steps for which somebody has to be at home. */
const IN_GUEST = ['startup', 'create clean', 'dependencies', 'init', 'create init', 'main', 'terminate'] as const

/** Waits for the guest that startup has started, or that ran already. */
export const waitForGuest = task<MachineVars>('wait until the guest is reachable', { delegateTo: onHypervisor }, async (context) => {
  const { plan, phases } = lifeOf(context)
  if (!context.vars.wait_until_reachable) context.skip('wait_until_reachable is false')
  if (plan.restored !== undefined) context.skip(`${plan.restored} is restored first`)
  if (context.check) context.skip('nothing is started in check mode')
  if (!IN_GUEST.some((token) => stepOf(context, token).run)) context.skip('nothing is to be done in it')
  if (plan.boot === 'never' && !(await domainOf(context)).active) {
    const wanted = PHASES.find((name) => stepOf(context, name).run && phases?.[name] !== undefined)
    if (wanted !== undefined) context.fail(`${context.inventoryHost} is off, and startup is not among allowed_phases: ${wanted} cannot run in it`, 'add startup to allowed_phases, or start it by other means before')
    context.skip('it is off, and startup is not among allowed_phases')
  }
  await awaitGuest(context)
})

/** Powers the machine off, whatever happened before. */
export const shutdown = task<MachineVars>('shutdown', { delegateTo: onHypervisor }, async (context) => {
  const state = machineState(context)
  const { run, reason } = stepOf(context, 'shutdown')
  if (!run) context.skip(reason)
  // Whoever interrupts wants an end.
  if (context.failure !== undefined && context.failure.code !== 'interrupted' && context.vars.keep_on_fail) {
    context.skip(`it failed and is kept running: ${context.again(`ssh ${context.inventoryHost}`)}`)
  }
  const domain = (await context.hypervisor.domains.list()).get(context.inventoryHost)
  if (domain === undefined || !domain.active) return context.skip('it is off')
  const { how, seconds } = await powerOff(context.hypervisor, domain, { patience: state.placed.definition.shutdownTimeout, ask: () => inGuest(context, ($) => $({ nothrow: true })`(sleep 0.2; poweroff || /sbin/poweroff) >/dev/null 2>&1 &`) })
  if (how === 'destroyed') context.note('warning', `${domain.name} did not power off within ${Math.round(seconds)} s, so its power was cut`)
})

/** Gives the machine's room and lock back: here, since others wait for the room also when its hypervisor has gone. */
export const leave = task<MachineVars>('make room', { delegateTo: 'localhost' }, async (context) => {
  const state = machineState(context)
  state.leave?.()
  await state.lock?.release()
  state.lock = undefined
})
