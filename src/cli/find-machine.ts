/** From the name that a user typed to one machine. */
import { InputError, TemporaryError, UnreachableError, UsageError } from '../errors.ts'
import { toFailure } from '../failure.ts'
import type { Machines, MachineStatus } from './engine.ts'
import { nearest } from '../suggest.ts'

/**
 * Finds a machine by `name`, or by `name@host` where several hypervisors have one of that name.
 *
 * @throws UsageError `unknown-machine` or `ambiguous-machine`; UnreachableError when a hypervisor that may have it does not answer.
 */
export function findMachine({ machines, unreachable }: Machines, typed: string): MachineStatus {
  const [name = '', wantedHost] = typed.split('@')
  const found = machines.filter((machine) => machine.name === name && (wantedHost === undefined || machine.host === wantedHost))
  const [only, second] = found
  if (only !== undefined && second === undefined) return only
  if (only !== undefined) {
    throw new UsageError('ambiguous-machine', `${found.length} hosts have a machine called "${name}"`, { hint: `say which one: ${found.map((machine) => `${name}@${machine.host}`).join(', ')}` })
  }
  const silent = unreachable.find(({ host }) => wantedHost === undefined || host === wantedHost)
  if (silent !== undefined) {
    const { message, hint } = toFailure(silent.error)
    throw new UnreachableError('machine-not-seen', `no machine "${typed}" was seen, and host ${silent.host} did not answer: ${message}`, { host: silent.host, hint, cause: silent.error })
  }
  const names = machines.map((machine) => machine.name)
  const near = nearest(name, names)
  const known = names.length === 0 ? 'there are no machines yet: farm run provision-cluster' : `machines: ${names.join(', ')}`
  throw new UsageError('unknown-machine', `there is no machine called "${typed}"`, { hint: near === undefined ? known : `did you mean "${near}"?` })
}

/** Refuses a machine that is not running. @throws TemporaryError `machine-not-running` */
export function mustRun(machine: MachineStatus): void {
  if (machine.state === 'running') return
  throw new TemporaryError('machine-not-running', `machine ${machine.name} is ${machine.state}`, { host: machine.host, hint: machine.platform === undefined ? 'farm run provision-cluster starts it again' : `farm run test-farm --phases startup --limit ${machine.name} starts it and leaves it running` })
}

/** Refuses a machine whose address nobody knows. @throws InputError `machine-without-address` */
export function mustHaveAddress(machine: MachineStatus): void {
  if (machine.address) return
  throw new InputError('machine-without-address', `machine ${machine.name} has no address that farm knows of`, { host: machine.host, hint: `look at its console: farm console ${machine.name}` })
}
