/** The guest as its hypervisor sees it: where it answers, waiting for it, and small things done in it. */
import { TaskError, UnreachableError } from '../../src/errors.ts'
import { bindHost, type Connection, type Shell } from '../../src/host/index.ts'
import { readConsoles, type Domain } from '../../src/hypervisor/index.ts'
import { awaitLogins, connectGuest, ownIdentityFile, type GuestAddress, type MachineVars } from '../../src/machine/index.ts'
import type { TaskContext } from '../../src/recipe/index.ts'
import { machineState, type MachineState } from '../shared/farm-state.ts'

/** Seconds until a login works. Emulated foreign architectures boot several times slower than emulated x86. */
const BOOT_TIMEOUT = { kvm: 120, qemu: 600, foreign: 1200 }

/** Where the guest answers. */
export function guestAddress(domain: Domain, { placed }: MachineState): GuestAddress {
  const { mark } = domain
  if (mark === undefined) throw new TaskError('not-ours', `${domain.name} has no mark of farm's`, { host: domain.name })
  return { name: domain.name, address: mark.address, port: mark.port, user: mark.user, hostKey: mark.hostKey, identityFile: placed.definition.login.key ?? ownIdentityFile() }
}

/** The machine's domain as it is now. */
export async function domainOf({ hypervisor, inventoryHost }: TaskContext): Promise<Domain> {
  const domain = (await hypervisor.domains.list()).get(inventoryHost)
  if (domain === undefined) throw new TaskError('machine-gone', `the machine ${inventoryHost} is no longer there`, { host: inventoryHost, hint: 'somebody else has removed it meanwhile; run again' })
  return domain
}

/** Remembers when the machine was started and how long its console's log was by then. Call it before the start. */
export async function aboutToStart(context: TaskContext, domain: Domain): Promise<void> {
  const [console] = domain.mark === undefined ? [] : await readConsoles(context.host, [domain.mark.console], 1)
  machineState(context).started = { at: performance.now(), consoleOffset: console?.size ?? 0 }
}

/** Waits until the guest can be logged in to, or until its SSH server answers where that is all that is asked for. */
export async function awaitGuest(context: TaskContext<MachineVars>): Promise<void> {
  const { vars, host, hypervisor, signal } = context
  const state = machineState(context)
  const domain = await domainOf(context)
  const { definition, virtType } = state.placed
  const guest = guestAddress(domain, state)
  const foreign = virtType === 'qemu' && state.placed.capabilities.arch !== definition.arch
  const network = definition.interfaces.find(({ type }) => type === 'network')
  await awaitLogins([{ ...guest, mac: network?.mac ?? '', consoleLog: domain.mark?.console ?? '', consoleOffset: state.started?.consoleOffset ?? 0, startedAt: state.started?.at ?? performance.now() }], {
    host,
    hypervisor,
    network: definition.interfaces[0]?.type === 'network' ? network?.source : undefined,
    timeout: vars.connection_timeout ?? definition.bootTimeout ?? BOOT_TIMEOUT[foreign ? 'foreign' : virtType],
    until: vars.wait_until_port_reachable ? 'ssh banner' : 'login',
    timeoutVariable: 'connection_timeout',
    startAgain: context.again('run test-farm'),
    signal,
    onRung: context.rung,
  })
}

/** Starts the machine unless it runs. */
export async function start(context: TaskContext, domain: Domain): Promise<void> {
  if (domain.active && domain.state === 'running') return
  await aboutToStart(context, domain)
  await context.hypervisor.domains.start(domain)
  context.rung(domain.name, 'running', 0)
}

/**
 * Runs something small in the guest, through its hypervisor's connection; not reported as a change.
 * @throws TaskError `guest-unreachable`: only the guest has gone, and on its hypervisor there is still something to do.
 */
export async function inGuest<T>(context: TaskContext, work: ($: Shell, connection: Connection) => Promise<T>): Promise<T> {
  const guest = guestAddress(await domainOf(context), machineState(context))
  let connection: Connection | undefined
  try {
    connection = await connectGuest(guest, context.host.connection, { signal: context.signal })
    const become = guest.user === 'root' ? undefined : ({ method: 'sudo', user: 'root' } as const)
    const host = bindHost(connection, { name: guest.name, recorder: { check: false, changed: () => undefined, output: () => undefined }, signal: context.signal, ...(become && { become }) })
    return await work(host.query, connection)
  } catch (error) {
    if (!(error instanceof UnreachableError) || (error.code === 'connection-lost' && error.host === context.host.name)) throw error
    throw new TaskError('guest-unreachable', error.message, { host: guest.name, hint: error.hint, details: error.details, cause: error })
  } finally {
    await connection?.close()
  }
}
