/** Services under systemd, under OpenRC, and under init scripts alone where no init system runs. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import { factsOf, type Host } from '../host/index.ts'
import { primitive } from './primitive.ts'
import { byKind, commandLine, runScript } from './script.ts'

const schema = z
  .strictObject({
    name: z.string().regex(/^[\w@.:\\-]+$/, 'not the name of a service').refine((name) => !name.startsWith('-'), 'not the name of a service').describe('e.g. ssh, libvirtd.socket'),
    state: z.enum(['started', 'stopped', 'restarted', 'reloaded']).optional().describe('restarted and reloaded always are a change; reloaded starts what does not run'),
    enabled: z.boolean().optional().describe('whether it starts when the host does'),
    runlevel: z.string().regex(/^\w+$/, 'not a runlevel').default('default').describe('the runlevel it is enabled in (OpenRC)'),
    manager: z.enum(['systemd', 'openrc', 'none']).optional().describe("the host's own when not given; none stands for init scripts"),
  })
  .refine(({ state, enabled }) => state !== undefined || enabled !== undefined, 'give state, enabled, or both')

type Manager = 'systemd' | 'openrc' | 'none'
type Action = 'start' | 'stop' | 'restart' | 'reload'

/** What is known of a service. */
export interface ServiceState {
  readonly known: boolean
  readonly running: boolean
  /** Undefined where it cannot be enabled or disabled: it is started by others, or nothing starts services. */
  readonly enabled: boolean | undefined
  /** Shut off for good by the administrator (systemd). */
  readonly masked: boolean
}

interface Driver {
  /** Prints `known`, `running`, `enabled 1|0`, `masked`. The service is `$1`, the runlevel `$2`. */
  readonly read: string
  readonly act: (action: Action, name: string) => string
  readonly enable: (on: boolean, name: string, runlevel: string) => string
}

const DRIVERS: Readonly<Record<Manager, Driver>> = {
  systemd: {
    read: `
systemctl show --property=LoadState,ActiveState,NeedDaemonReload "$1" | while IFS== read -r key value; do case $key=$value in
LoadState=not-found) ;; LoadState=masked) echo known; echo masked;; LoadState=*) echo known;;
ActiveState=active|ActiveState=activating|ActiveState=reloading|ActiveState=refreshing) echo running;;
esac; done
case $(systemctl is-enabled "$1" 2>/dev/null || true) in enabled|enabled-runtime|alias) echo 'enabled 1';; disabled) echo 'enabled 0';; esac`,
    // Unit files may have come or changed a moment ago; systemd only warns of that.
    act: (action, name) => `if [ "$(systemctl show --property=NeedDaemonReload --value ${name})" = yes ]; then systemctl daemon-reload; fi; systemctl ${action} ${name}`,
    enable: (on, name) => `systemctl ${on ? 'enable' : 'disable'} ${name}`,
  },
  openrc: {
    read: `
if [ -e "/etc/init.d/$1" ]; then echo known
if rc-service "$1" status >/dev/null 2>&1; then echo running; fi
if [ -e "/etc/runlevels/$2/$1" ]; then echo 'enabled 1'; else echo 'enabled 0'; fi; fi`,
    act: (action, name) => `rc-service ${name} ${action}`,
    enable: (on, name, runlevel) => `rc-update ${on ? 'add' : 'del'} ${name} ${runlevel}`,
  },
  none: {
    read: `
if [ -x "/etc/init.d/$1" ]; then echo known
if command -v service >/dev/null 2>&1; then tell() { service "$@"; }; else tell() { "/etc/init.d/$@"; }; fi
if tell "$1" status >/dev/null 2>&1 </dev/null; then echo running; fi
if command -v update-rc.d >/dev/null 2>&1; then on=0; for link in /etc/rc[2345].d/S[0-9][0-9]"$1"; do if [ -e "$link" ]; then on=1; fi; done; echo "enabled $on"; fi; fi`,
    // A daemon that keeps the outputs open would keep the task waiting for ever.
    act: (action, name) => `if command -v service >/dev/null 2>&1; then set -- service ${name} ${action}; else set -- /etc/init.d/${name} ${action}; fi
log=$(mktemp); status=0; "$@" </dev/null >"$log" 2>&1 || status=$?; cat "$log"; rm -f "$log"; exit $status`,
    enable: (on, name) => `update-rc.d ${name} ${on ? 'defaults' : 'disable'}${on ? `; update-rc.d ${name} enable` : ''}`,
  },
}

/** Reads what a driver printed. */
export function parseService(text: string): ServiceState {
  const of = byKind(text)
  const enabled = of('enabled')[0]
  return { known: of('known').length > 0, running: of('running').length > 0, enabled: enabled === undefined ? undefined : enabled === '1', masked: of('masked').length > 0 }
}

/** Services that run or not, now and after a restart of the host. */
export const service = primitive({
  name: 'service',
  description: 'Services: running or not, and whether they start with the host.',
  schema,
  async run({ host }, { name, state, enabled, runlevel, manager: chosen }) {
    const manager = chosen ?? (await factsOf(host)).serviceManager
    const driver = DRIVERS[manager]
    const present = parseService(await runScript(host.query, host, driver.read, { what: `ask for service ${name}`, args: [name, runlevel] }))
    if (!present.known) {
      // In check mode the package that brings it has only been announced.
      if (host.check) {
        const verbs = [...(enabled === true ? ['enable'] : []), ...(state === 'started' || state === 'restarted' || state === 'reloaded' ? ['start'] : [])]
        if (verbs.length === 0) return { changed: false }
        await host.change({ summary: `${verbs.join(' and ')} service ${name}, once it is there` }, async () => undefined)
        return { changed: true }
      }
      // What is not there does not run, and does not start with the host.
      if ((state === undefined || state === 'stopped') && enabled !== true) return { changed: false }
      throw unknown(host, manager, name)
    }
    const action = actionFor(state, present.running)
    if (present.masked && action !== undefined && action !== 'stop') throw new TaskError('service-masked', `service ${name} is masked`, { host: host.name, hint: `systemctl unmask ${name}` })
    const turn = enabled !== undefined && present.enabled !== undefined && present.enabled !== enabled
    if (enabled === true && present.enabled === undefined && manager === 'none') {
      throw new TaskError('service-enable', `nothing on ${host.name} starts services when the host starts, so ${name} cannot be enabled`, { host: host.name, hint: 'leave enabled out' })
    }
    if (action === undefined && !turn) return { changed: false }
    const verbs = [...(turn ? [enabled ? 'enable' : 'disable'] : []), ...(action === undefined ? [] : [action])]
    const summary = `${verbs.join(' and ')} service ${name}`
    const word = commandLine([name])
    const steps = [...(turn ? [driver.enable(enabled, word, runlevel)] : []), ...(action === undefined ? [] : [driver.act(action, word)])]
    const line = (running: boolean, on: boolean | undefined): string => `${running ? 'running' : 'stopped'}${on === undefined ? '' : on ? ', enabled' : ', disabled'}\n`
    const after = line(action === undefined ? present.running : action !== 'stop', turn ? enabled : present.enabled)
    await host.change({ summary, diff: { title: `service ${name}`, before: line(present.running, present.enabled), after } }, ($) =>
      runScript($, host, steps.join('\n'), { what: summary, hint: () => (manager === 'systemd' ? `systemctl status ${name}` : undefined) }),
    )
    return { changed: true }
  },
})

function actionFor(state: 'started' | 'stopped' | 'restarted' | 'reloaded' | undefined, running: boolean): Action | undefined {
  switch (state) {
    case 'started':
      return running ? undefined : 'start'
    case 'stopped':
      return running ? 'stop' : undefined
    case 'restarted':
      return running ? 'restart' : 'start'
    case 'reloaded':
      return running ? 'reload' : 'start'
    case undefined:
      return undefined
  }
}

function unknown(host: Host, manager: Manager, name: string): TaskError {
  const hint = {
    systemd: 'systemctl list-unit-files on the host lists those it has; install the package that brings it first',
    openrc: 'rc-service --list on the host lists those it has; install the package that brings it first',
    none: `no init system runs there, so farm looks for /etc/init.d/${name}; start the daemon with a command instead`,
  }[manager]
  return new TaskError('service-unknown', `there is no service ${name} on ${host.name}`, { host: host.name, hint })
}
