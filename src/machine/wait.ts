/**
 * From "started" to "one can log in": a ladder whose rungs are seen on the console, in the network's leases and on the
 * wire. Nobody waits in the dark: the rung is reported when it is reached, and named when the climb ends there.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { TaskError } from '../errors.ts'
import { RUNGS, type Rung } from '../events.ts'
import { bindHost, type Host } from '../host/index.ts'
import { lastLines, readConsoles, type Hypervisor } from '../hypervisor/index.ts'
import { connectGuest, openBanner, overStream, type GuestAddress } from './guest.ts'

/** A machine that was started and is awaited. */
export interface AwaitedMachine extends GuestAddress {
  readonly mac: string
  readonly consoleLog: string
  /** Bytes that the log held before this boot. */
  readonly consoleOffset: number
  /** `performance.now()` when its start was asked for. */
  readonly startedAt: number
}

export interface WaitOptions {
  readonly host: Host
  readonly hypervisor: Hypervisor
  /** Name of the network whose leases show an address; undefined with user networking. */
  readonly network: string | undefined
  /** Seconds for each machine. */
  readonly timeout: number
  readonly signal: AbortSignal
  /** What counts as reached: a login, or the SSH server's banner alone. */
  readonly until?: 'login' | 'ssh banner'
  /** The variable that sets `timeout`, for advice; `vm_boot_timeout` when undefined. */
  readonly timeoutVariable?: string
  /** The command that starts a machine again; `farm run provision-cluster` when undefined. */
  readonly startAgain?: string
  onRung(machine: string, rung: Rung, seconds: number, detail?: string): void
}

/** Milliseconds between looks at the consoles. */
const LOOK = 200
/** Looks between questions to libvirt, which cost more. */
const LOOKS_PER_STATE = 10

const FIRMWARE = /SeaBIOS|iPXE|UEFI|BdsDxe|GRUB|OpenSBI|SLOF|Booting/
const KERNEL = /Linux version|\[ *\d+\.\d{6}\]|systemd\[1\]|Welcome to|farm: |login:/
const READY = /farm: ready|login:|Cloud-init v\.\S+ finished|Reached target .*(SSH|Multi-User)/i
const PANIC = /Kernel panic - not syncing.*|end Kernel panic.*|VFS: Unable to mount root.*|No bootable device.*/

class Climb {
  readonly machine: AwaitedMachine
  readonly #onRung: WaitOptions['onRung']
  rung: Rung = 'running'
  console = ''
  reason = ''
  /** Aborted to cut short a probe that was begun before the guest could answer. */
  probe = new AbortController()
  ready = false
  fault: TaskError | undefined

  constructor(machine: AwaitedMachine, onRung: WaitOptions['onRung']) {
    this.machine = machine
    this.#onRung = onRung
  }

  reach(rung: Rung, detail?: string): void {
    if (RUNGS.indexOf(rung) <= RUNGS.indexOf(this.rung)) return
    this.rung = rung
    this.#onRung(this.machine.name, rung, this.seconds(), detail)
  }

  seconds(): number {
    return (performance.now() - this.machine.startedAt) / 1000
  }

  /** Something new happened that makes an answer likely: whatever probe hangs is begun anew. */
  hurry(): void {
    this.ready = true
    this.probe.abort()
  }

  fail(why: string, hint: string): TaskError {
    return new TaskError('machine-not-ready', `${this.machine.name}: ${why}; it got as far as "${this.rung}"${this.reason === '' ? '' : ` (${this.reason})`}`, {
      step: this.rung,
      details: lastLines(this.console, 12).map((line) => `console | ${line}`),
      hint,
    })
  }
}

/**
 * Waits until each machine accepts a login, all at once.
 *
 * @throws TaskError `machine-not-ready` of the first machine (others in its details) with the rung, the reason, the
 *   console's last lines and what to look at next. A kernel panic or a machine that stopped ends its wait at once.
 */
export async function awaitLogins(machines: readonly AwaitedMachine[], options: WaitOptions): Promise<void> {
  if (machines.length === 0) return
  const climbs = machines.map((machine) => new Climb(machine, options.onRung))
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  const watching = watch(climbs, options, signal)
  const results = await Promise.allSettled(climbs.map((climb) => login(climb, options, signal)))
  over.abort()
  await watching
  options.signal.throwIfAborted()
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  const [first, ...others] = errors
  if (first instanceof TaskError && others.length > 0) {
    throw new TaskError(first.code, `${errors.length} of ${machines.length} machines did not get ready. ${first.message}`, {
      host: options.host.name,
      hint: first.hint,
      details: [...first.details, ...others.map((error) => (error instanceof Error ? error.message : String(error)))],
      cause: first,
    })
  }
  if (first !== undefined) throw first
}

/** Reads consoles and leases while anyone still climbs. */
async function watch(climbs: readonly Climb[], options: WaitOptions, signal: AbortSignal): Promise<void> {
  for (let look = 0; !signal.aborted; look += 1) {
    const pending = climbs.filter((climb) => climb.rung !== (options.until ?? 'login') && climb.fault === undefined)
    if (pending.length === 0) return
    try {
      await lookAtConsoles(pending, options.host)
      if (look % LOOKS_PER_STATE === LOOKS_PER_STATE - 1) await lookAtLibvirt(pending, options)
    } catch {
      // A look that failed proves nothing about the machines; the next one, or the login's time-out, will tell.
    }
    await delay(LOOK, undefined, { signal }).catch(() => undefined)
  }
}

async function lookAtConsoles(pending: readonly Climb[], host: Host): Promise<void> {
  const tails = await readConsoles(host, pending.map((climb) => climb.machine.consoleLog))
  for (const [index, climb] of pending.entries()) {
    const tail = tails[index]
    if (tail === undefined || tail.size <= climb.machine.consoleOffset) continue
    climb.console = tail.text.slice(-Math.max(0, tail.size - climb.machine.consoleOffset))
    const line = lastLines(climb.console, 1)[0]
    if (FIRMWARE.test(climb.console)) climb.reach('firmware', line)
    if (KERNEL.test(climb.console)) climb.reach('kernel', line)
    const panic = PANIC.exec(climb.console)
    if (panic !== null) stop(climb, climb.fail(panic[0].trim(), `does the image fit vm_machine_type, vm_cpu_model and vm_kernel_cmdline? ${lookAt(climb.machine)}`))
    if (!climb.ready && READY.test(climb.console)) climb.hurry()
  }
}

async function lookAtLibvirt(pending: readonly Climb[], { hypervisor, network, startAgain = 'farm run provision-cluster' }: WaitOptions): Promise<void> {
  // Silence means that none runs, but only from a libvirt that answers: it knows at least of those that are waited for.
  const [all, running, leases] = await hypervisor.virsh.ask([['list', '--all', '--name'], ['list', '--name'], ...(network === undefined ? [] : [['net-dhcp-leases', network]])])
  const names = new Set((running ?? '').split('\n').map((line) => line.trim()))
  for (const climb of pending) {
    if (all !== undefined && !names.has(climb.machine.name)) stop(climb, climb.fail('it stopped by itself', `${startAgain} starts it again; its console is logged in ${climb.machine.consoleLog}`))
    if (leases?.includes(climb.machine.mac) === true) climb.reach('address', climb.machine.address)
  }
}

function stop(climb: Climb, fault: TaskError): void {
  climb.fault = fault
  climb.probe.abort()
}

/** Tries to log in until it works, the time is over, or the machine turns out to be dead. */
async function login(climb: Climb, options: WaitOptions, signal: AbortSignal): Promise<void> {
  const { machine } = climb
  const deadline = machine.startedAt + options.timeout * 1000
  while (performance.now() < deadline) {
    signal.throwIfAborted()
    if (climb.fault !== undefined) throw climb.fault
    climb.probe = new AbortController()
    try {
      const stream = await openBanner(machine, options.host.connection, climb.ready ? 5000 : 1500, AbortSignal.any([signal, climb.probe.signal]))
      climb.reach('ssh banner')
      if (options.until === 'ssh banner') return void stream.destroy()
      const remaining = Math.max(5, (deadline - performance.now()) / 1000)
      await using guest = await connectGuest(machine, overStream(options.host.connection, stream), { signal, timeout: Math.min(60, remaining) })
      await bindHost(guest, { name: machine.name, recorder: SILENT, signal }).query`true`
      climb.reach('login')
      return
    } catch (error) {
      climb.reason = error instanceof Error ? error.message : String(error)
      if (/administratively prohibited/i.test(climb.reason)) {
        throw climb.fail(`${options.host.name} forwards no connections for SSH users`, 'set AllowTcpForwarding yes in its sshd_config: farm reaches machines through it')
      }
    }
    await delay(climb.ready ? 50 : 150, undefined, { signal }).catch(() => undefined)
  }
  signal.throwIfAborted()
  throw climb.fault ?? climb.fail(`no ${options.until ?? 'login'} within ${options.timeout} s`, adviceFor(climb.rung, machine, options.timeoutVariable ?? 'vm_boot_timeout'))
}

const SILENT = { check: false, changed: () => undefined, output: () => undefined }

function lookAt(machine: AwaitedMachine): string {
  return `look at it with "farm console ${machine.name}"; the whole console is in ${machine.consoleLog} on the hypervisor`
}

function adviceFor(rung: Rung, machine: AwaitedMachine, variable: string): string {
  const look = lookAt(machine)
  if (rung === 'ssh banner') return `the guest answers but does not let farm in: is the image one that reads its seed? ${look}`
  if (rung === 'address') return `the guest has an address, but its SSH server does not answer; ${look}`
  if (rung === 'kernel') return `the guest boots but has no address or SSH server yet; if it only is slow, give it longer with -e ${variable}=1200; ${look}`
  return `nothing came from the guest's kernel: ${look}`
}
