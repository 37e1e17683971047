/**
 * Machines are powered off as their guests wish: the guest is asked, waited for as long as it is given, and then its power is cut.
 *
 * How a guest hears of it:
 * - with ACPI (x86, arm64 with UEFI): the power button; systemd-logind answers it. farm's own guests are off after two seconds, emulated.
 * - without ACPI, arm64 and riscv64: not at all with Debian's kernels. Their boards have a power key in the device tree, or none, and the
 *   cloud kernels have no driver for such keys (CONFIG_KEYBOARD_GPIO). Only the guest agent or a login (`ask`) helps.
 * - ppc64 `pseries`: an EPOW event, on which the kernel itself calls poweroff. Not measured.
 * - s390x: the "signal quiesce" of its service element; the kernel presses Ctrl-Alt-Del and makes the restart a power off. Not measured.
 */
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import type { Domain, DomainMemory } from './domains.ts'
import type { Virsh } from './virsh.ts'
import { find, type Element } from './xml.ts'

/** How a machine went off, after so many seconds. `asked`: by what `ask` did in the guest. */
export interface PoweredOff {
  readonly how: 'off already' | 'agent' | 'acpi' | 'asked' | 'destroyed'
  readonly seconds: number
}

export interface PowerOffOptions {
  /** Seconds until the power is cut. */
  readonly patience: number
  /** Powers the guest off from inside, for guests that hear neither agent nor power button. It may fail. */
  readonly ask?: (() => Promise<unknown>) | undefined
}

/** A guest that has not gone off for so long is asked from inside as well, seconds; at most half of the patience. */
const DEAF_AFTER = 15

/** Seconds after which an event that was missed no longer matters: the state is looked at. */
const LOOK_EVERY = 2

/** Architectures that tell their guests by other means than ACPI. */
const OWN_MEANS = /^(ppc|s390)/

/** Whether the guest has no way to hear of a power button. */
function isDeaf(document: Element | undefined): boolean {
  return document !== undefined && find(document, 'features', 'acpi') === undefined && !OWN_MEANS.test(find(document, 'os', 'type')?.attributes['arch'] ?? '')
}

/**
 * Powers a machine off: by the guest agent where one is connected, else by ACPI or what the architecture has in its place.
 * Reported as a change. Resolves within a second of the guest's going off, and at the latest some seconds after `patience`.
 */
export async function powerOff({ host, virsh, memory }: { readonly host: Host; readonly virsh: Virsh; readonly memory?: DomainMemory }, domain: Pick<Domain, 'name' | 'uuid' | 'document'>, options: PowerOffOptions): Promise<PoweredOff> {
  let result: PoweredOff = { how: 'off already', seconds: 0 }
  try {
    await host.change({ summary: `power off machine ${domain.name}` }, async ($) => void (result = await askToPowerOff($, virsh, domain, options)))
  } finally {
    if (memory !== undefined) memory.list = undefined
  }
  return result
}

/** As {@link powerOff}, within somebody else's change. */
export async function askToPowerOff($: Shell, virsh: Virsh, domain: Pick<Domain, 'uuid'> & Partial<Pick<Domain, 'document'>>, { patience, ask }: PowerOffOptions): Promise<PoweredOff> {
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1000
  const first = ask === undefined ? patience : isDeaf(domain.document) ? 0 : Math.min(patience / 2, DEAF_AFTER)
  const how = await press($, virsh, domain.uuid, first)
  if (how !== 'running') return { how, seconds: elapsed() }
  if (ask !== undefined) {
    // What it says does not matter: a guest that goes off may well take the connection with it.
    const asked = Promise.resolve().then(ask).catch(() => undefined)
    const later = await press($, virsh, domain.uuid, Math.max(0, patience - elapsed()))
    if (later !== 'running') {
      await asked
      return { how: 'asked', seconds: elapsed() }
    }
    await cut($, virsh, domain.uuid)
    await asked
  } else {
    await cut($, virsh, domain.uuid)
  }
  return { how: 'destroyed', seconds: elapsed() }
}

/** Asks the guest again and again, since one that is just booting does not listen yet, and waits on the host for its going off. */
async function press($: Shell, virsh: Virsh, uuid: string, seconds: number): Promise<'off already' | 'agent' | 'acpi' | 'running'> {
  const { stdout } = await $({ nothrow: true })`
ask() { LC_ALL=C virsh -q -c ${virsh.uri} "$@" 2>/dev/null; }
state() { ask domstate ${uuid} | head -n 1; }
off() { case $(state) in 'shut off' | crashed) return 0 ;; esac; return 1; }
if off; then echo 'off already'; exit 0; fi
if [ "$(state)" = paused ]; then ask resume ${uuid} >/dev/null || :; fi
# The clock tells whole seconds: up to the end of the last one.
end=$(( $(date +%s) + ${String(Math.ceil(seconds))} )); how=acpi; turn=0
while [ ${String(Math.ceil(seconds))} -gt 0 ] && [ "$(date +%s)" -le $end ]; do
  if [ $(( turn % 3 )) = 0 ]; then
    how=acpi
    # Its name and its state stand in one line.
    if ask dumpxml ${uuid} | grep -F org.qemu.guest_agent.0 | grep -qF "state='connected'" && ask shutdown ${uuid} --mode agent >&2; then how=agent
    else ask shutdown ${uuid} --mode acpi >&2 || ask shutdown ${uuid} >&2 || :; fi
  fi
  turn=$(( turn + 1 ))
  # One event of several may be that it begins to go off.
  if off; then echo $how; exit 0; fi
  ask event --domain ${uuid} --event lifecycle --timeout ${String(LOOK_EVERY)} >/dev/null || :
  if off; then echo $how; exit 0; fi
done
if off; then echo $how; else echo running; fi`
  const answer = stdout.trim()
  return answer === 'off already' || answer === 'agent' || answer === 'acpi' ? answer : 'running'
}

async function cut($: Shell, virsh: Virsh, uuid: string): Promise<void> {
  // It may have gone off at the last moment, which is as good.
  const { stdout, stderr } = await $({ nothrow: true })`LC_ALL=C virsh -q -c ${virsh.uri} destroy ${uuid} >/dev/null || :; LC_ALL=C virsh -q -c ${virsh.uri} domstate ${uuid}`
  if (/^(shut off|crashed)/.test(stdout.trim())) return
  throw new TaskError('power-off', `the machine can neither be powered off nor forced off: ${stderr.trim().split('\n')[0] || `it is still ${stdout.trim()}`}`, {
    host: virsh.host.name,
    hint: `look at its state with virsh -c ${virsh.uri} dominfo ${uuid} on ${virsh.host.name}`,
  })
}
