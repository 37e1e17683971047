/** The machines that farm owns, as libvirt knows them, over all hypervisors of an inventory. */
import { FarmError, InputError, TaskError } from '../errors.ts'
import { becomeSpec, bindHost, connectionVars, connectOnWay, hostSpec, posixQuote, wayTo, type Become, type Connection, type Host } from '../host/index.ts'
import { Hypervisor, isSession, libvirtUri } from '../hypervisor/index.ts'
import { scopeFor, type Inventory } from '../inventory/index.ts'
import type { Layer } from '../vars/index.ts'
import { connectGuest } from './guest.ts'
import { loginKey, ownIdentityFile } from './keys.ts'

/** One machine. `address` and `port` are as seen from its hypervisor. */
export interface MachineStatus {
  readonly name: string
  readonly uuid: string
  readonly host: string
  readonly cluster: string
  /** As libvirt names it: running, shut off, paused, … */
  readonly state: string
  readonly address: string
  readonly port: number
  readonly user: string
  /** ISO 8601 in UTC. */
  readonly created: string
  /** `user@controller`. */
  readonly owner: string
  readonly hostKeys: readonly string[]
  readonly memMiB: number
  readonly cpus: number
  /** Private key on the controller that may log in. */
  readonly identityFile: string | undefined
  readonly consoleLog: string
  /** Of a machine of a test farm: what runs in it. */
  readonly platform?: string | undefined
}

/** Hosts that could not be asked, and why. */
export interface Unreachable {
  readonly host: string
  readonly error: FarmError
}

/** How a hypervisor is reached, for each host asked. */
export interface HostAccess {
  readonly host: string
  readonly libvirtUri: string
  readonly become: Become | undefined
  open(signal?: AbortSignal): Promise<{ connection: Connection; host: Host }>
}

/** These hosts are only looked at. */
const SILENT = { check: true, changed: () => undefined, output: () => undefined }

const accessOf = new WeakMap<MachineStatus, HostAccess>()

/** How to reach a host and become root there, from its variables. Nothing is opened yet. */
export function hostAccess(inventory: Inventory, host: string, extraVars: readonly Layer[]): HostAccess {
  const scope = scopeFor(inventory, host, { extra: extraVars })
  const vars = connectionVars(scope)
  const varsOf = (name: string): Record<string, unknown> => (name === host ? vars : connectionVars(scopeFor(inventory, name, { extra: extraVars })))
  // What is wrong with them is said before anybody waits.
  for (const name of wayTo(host, varsOf)) hostSpec(name, varsOf(name))
  const uri = libvirtUri(Object.fromEntries(['libvirt_uri', 'ansible_libvirt_uri'].filter((variable) => scope.has(variable)).map((variable) => [variable, scope.get(variable)])))
  // Root's session is not the user's.
  const become = becomeSpec({ ansible_become: !isSession(uri), ...vars })
  return {
    host,
    libvirtUri: uri,
    become,
    async open(signal) {
      const connection = await connectOnWay(host, varsOf, signal === undefined ? {} : { signal })
      return { connection, host: bindHost(connection, { name: host, recorder: SILENT, ...(become && { become }), ...(signal && { signal }) }) }
    },
  }
}

/** The hosts that run machines: the groups vmhost and hypervisors, or all where there is neither. */
function hypervisorsOf(inventory: Inventory): readonly string[] {
  const groups = ['vmhost', 'hypervisors'].filter((group) => inventory.groups.has(group))
  return inventory.select(groups.length === 0 ? 'all' : groups.join(':'))
}

/** Asks every hypervisor for the machines that farm owns. */
export async function machinesOf(inventory: Inventory, extraVars: readonly Layer[], signal?: AbortSignal): Promise<{ machines: MachineStatus[]; unreachable: Unreachable[] }> {
  const hosts = hypervisorsOf(inventory)
  const unreachable: Unreachable[] = []
  const lists = await Promise.all(hosts.map(async (host) => {
    try {
      const access = hostAccess(inventory, host, extraVars)
      const identityFile = await identityOf(inventory, host, extraVars)
      const { connection, host: bound } = await access.open(signal)
      await using _connection = connection
      return await machinesOn(bound, access, identityFile)
    } catch (error) {
      if (!(error instanceof FarmError)) throw error
      unreachable.push({ host, error })
      return []
    }
  }))
  return { machines: lists.flat(), unreachable }
}

async function machinesOn(host: Host, access: HostAccess, identityFile: string | undefined): Promise<MachineStatus[]> {
  const hypervisor = new Hypervisor(host, access.libvirtUri)
  const domains = await hypervisor.domains.list()
  if (domains.size === 0) {
    const answer = await hypervisor.virsh.version()
    if (answer.version === undefined && !/not found/.test(answer.reason)) {
      throw new TaskError('libvirt-silent', `libvirt does not answer: ${answer.reason}`, { host: host.name, hint: 'farm doctor says what is missing' })
    }
  }
  return [...domains.values()].flatMap((domain) => {
    if (domain.mark === undefined) return []
    const { cluster, address, port, user, created, owner, hostKey, console, platform } = domain.mark
    const status: MachineStatus = {
      name: domain.name, uuid: domain.uuid, host: access.host, cluster, state: domain.state, address, port, user, created, owner,
      hostKeys: [hostKey], memMiB: domain.memMiB, cpus: domain.cpus, identityFile, consoleLog: console,
      ...(platform && { platform }),
    }
    accessOf.set(status, access)
    return [status]
  })
}

async function identityOf(inventory: Inventory, host: string, extraVars: readonly Layer[]): Promise<string | undefined> {
  const scope = scopeFor(inventory, host, { extra: extraVars })
  if (!scope.has('ssh_pub_key')) return ownIdentityFile()
  return (await loginKey(String(scope.get('ssh_pub_key')))).identityFile
}

/** How the hypervisor of a machine is reached. */
function accessFor(machine: MachineStatus): HostAccess {
  const access = accessOf.get(machine)
  if (access === undefined) throw new InputError('no-access', `${machine.name} was not listed by farm`)
  return access
}

/** Logs in to a machine; closing the connection also closes the one to its hypervisor. */
export async function openGuest(machine: MachineStatus, signal?: AbortSignal): Promise<Connection> {
  if (machine.state !== 'running') {
    throw new InputError('machine-not-running', `${machine.name} is ${machine.state}`, { host: machine.host, hint: 'farm run provision-cluster starts it' })
  }
  const { connection } = await accessFor(machine).open(signal)
  try {
    const guest = await connectGuest({ ...machine, hostKey: machine.hostKeys[0] ?? '' }, connection, { signal })
    const close = async (): Promise<void> => {
      await guest.close()
      await connection.close()
    }
    return Object.assign(Object.create(guest) as Connection, { close, [Symbol.asyncDispose]: close })
  } catch (error) {
    await connection.close()
    throw error
  }
}

/** Attaches the terminal to a machine's serial console (left with Ctrl+]). Resolves with virsh's exit code. */
export async function openConsole(machine: MachineStatus, signal?: AbortSignal): Promise<number> {
  const access = accessFor(machine)
  const { connection, host } = await access.open(signal)
  await using _connection = connection
  const uid = (await host.query`id -u`).stdout.trim()
  const login = await bindHost(connection, { name: access.host, recorder: SILENT }).query`id -u`
  const virsh = `virsh -c ${posixQuote(access.libvirtUri)} console ${machine.uuid} --force`
  if (login.stdout.trim() === uid) return connection.interactive(virsh)
  const { method = 'sudo', user = 'root' } = access.become ?? {}
  return connection.interactive(method === 'su' ? `su ${posixQuote(user)} -s /bin/sh -c ${posixQuote(virsh)}` : `${method} -u ${posixQuote(user)} ${virsh}`)
}
