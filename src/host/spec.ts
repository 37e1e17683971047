/** From inventory variables, under Ansible's names, to what a connection needs. */
import { InputError } from '../errors.ts'
import { expandPath } from '../paths.ts'
import { parseSshArgs, type SshArgs } from './ssh-args.ts'
import type { Become, HostSpec } from './types.ts'

type Vars = Readonly<Record<string, unknown>>

/** Inventory variables that say how a host is reached, under Ansible's names, older ones included. */
const CONNECTION_VARS: readonly string[] = [
  'ansible_host', 'ansible_ssh_host', 'ansible_port', 'ansible_ssh_port', 'ansible_user', 'ansible_ssh_user', 'ansible_connection', 'ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password',
  'ansible_private_key_file', 'ansible_ssh_private_key_file', 'ansible_timeout', 'ansible_ssh_timeout', 'ansible_ssh_common_args', 'ansible_ssh_extra_args', 'ansible_ssh_args',
  'ansible_become', 'ansible_become_method', 'ansible_become_user', 'ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass', 'farm_jumps', 'farm_via', 'farm_host_keys', 'host_key_checking', 'farm_known_hosts',
]

/** The variables of a host that {@link hostSpec} and {@link becomeSpec} read. */
export function connectionVars(scope: { has(name: string): boolean; get(name: string): unknown }): Record<string, unknown> {
  return Object.fromEntries(CONNECTION_VARS.filter((name) => scope.has(name)).map((name) => [name, scope.get(name)]))
}

/**
 * Describes how to reach a host: `ansible_host`, `ansible_port`, `ansible_user`, `ansible_connection`, `ansible_password`,
 * `ansible_private_key_file`, `ansible_timeout`, `ansible_ssh_common_args`, `farm_jumps`, `farm_known_hosts`, `farm_host_keys`,
 * `host_key_checking`. Whoever connects opens what {@link viaOf} names, and puts it into `via`.
 * `localhost` is reached without SSH unless `ansible_connection: ssh` says otherwise.
 * @throws InputError `host-variable` naming the variable that is wrong
 */
export function hostSpec(name: string, vars: Vars): HostSpec {
  const read = reader(name, vars)
  const args = Object.assign({}, ...['ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args'].map((variable) => parseSshArgs(variable, read.text(variable) ?? '', name))) as SshArgs
  const identity = read.text('ansible_ssh_private_key_file') ?? read.text('ansible_private_key_file')
  const known = read.text('farm_known_hosts') ?? args.knownHostsFile
  const keys = hostKeys(read)
  return {
    name,
    connection: connectionKind(name, read),
    address: read.text('ansible_host') ?? read.text('ansible_ssh_host'),
    port: read.port('ansible_port') ?? read.port('ansible_ssh_port') ?? reader(name, { port: args.port }).port('port'),
    user: read.text('ansible_user') ?? read.text('ansible_ssh_user') ?? args.user,
    password: read.secret('ansible_password') ?? read.secret('ansible_ssh_pass') ?? read.secret('ansible_ssh_password'),
    identityFiles: (identity === undefined ? args.identityFiles : [identity])?.map((file) => expandPath(file)),
    jumps: read.list('farm_jumps') ?? args.jumps,
    hostKeyChecking: checking(read, args.hostKeyChecking),
    knownHostsFiles: known === undefined ? undefined : [expandPath(known)],
    ...(keys === undefined ? {} : { hostKeys: keys }),
    timeout: read.seconds('ansible_timeout') ?? read.seconds('ansible_ssh_timeout'),
  }
}

/**
 * The host of the inventory through whose connection a host is reached (`farm_via`); undefined when it is reached from here.
 * @throws InputError `host-variable` when `farm_jumps` says otherwise
 */
export function viaOf(name: string, vars: Vars): string | undefined {
  const read = reader(name, vars)
  const via = read.text('farm_via')
  if (via === undefined || connectionKind(name, read) === 'local') return undefined
  if (read.raw('farm_jumps') !== undefined) {
    throw new InputError('host-variable', 'farm_via and farm_jumps cannot both say how the host is reached', { host: name, hint: 'keep farm_via, and give farm_jumps to the host that it names' })
  }
  return via
}

/** Keys that stand in the inventory itself: a list, or the lines of one text. */
function hostKeys(read: Reader): readonly string[] | undefined {
  const value = read.raw('farm_host_keys')
  if (value === undefined) return undefined
  const lines: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split('\n').filter((line) => line.trim() !== '') : [value]
  const keys = lines.map((line) => (typeof line === 'string' ? line.trim() : line))
  if (keys.length === 0 || !keys.every((key): key is string => typeof key === 'string' && /^[a-z][\w@.-]* [A-Za-z0-9+/]+=*( [^\r\n\0]*)?$/.test(key))) throw read.wrong('farm_host_keys', 'a list of public keys such as "ssh-ed25519 AAAA…"')
  return keys
}

/**
 * How to become another user, from `ansible_become`, `ansible_become_method`, `ansible_become_user` and
 * `ansible_become_password`; undefined when `ansible_become` is not true.
 * @throws InputError `host-variable`
 */
export function becomeSpec(vars: Vars): Become | undefined {
  const read = reader(undefined, vars)
  if (read.boolean('ansible_become') !== true) return undefined
  const method = read.text('ansible_become_method') ?? 'sudo'
  if (method !== 'sudo' && method !== 'su' && method !== 'doas') throw read.wrong('ansible_become_method', 'sudo, su or doas')
  const user = read.text('ansible_become_user') ?? 'root'
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(user)) throw read.wrong('ansible_become_user', 'the name of a user')
  const password = read.secret('ansible_become_password') ?? read.secret('ansible_become_pass') ?? read.secret('ansible_sudo_pass')
  if (method === 'doas' && password !== undefined) {
    throw new InputError('host-variable', 'ansible_become_password: doas takes no password without a terminal', {
      hint: 'permit it in /etc/doas.conf with `nopass`, or use ansible_become_method: sudo',
    })
  }
  return { method, user, password }
}

function connectionKind(name: string, read: Reader): 'local' | 'ssh' {
  switch (read.text('ansible_connection')) {
    case undefined:
      return name === 'localhost' ? 'local' : 'ssh'
    case 'local':
      return 'local'
    case 'ssh':
    case 'smart':
      return 'ssh'
    default:
      throw read.wrong('ansible_connection', 'local or ssh')
  }
}

function checking(read: Reader, argument: string | undefined): 'yes' | 'accept-new' | undefined {
  const value = read.raw('host_key_checking') ?? argument
  if (value === undefined) return undefined
  if (value === true || value === 'yes' || value === 'true') return 'yes'
  if (value === 'accept-new') return 'accept-new'
  if (value === false || value === 'no' || value === 'false') {
    throw new InputError('host-key-checking', 'host_key_checking cannot be switched off: without it anybody on the way could answer in the place of the host', {
      host: read.host,
      hint: 'use `host_key_checking: accept-new` to accept the keys of hosts that are new, or name a file by farm_known_hosts',
    })
  }
  throw read.wrong('host_key_checking', 'yes or accept-new')
}

interface Reader {
  readonly host: string | undefined
  raw(key: string): unknown
  text(key: string): string | undefined
  secret(key: string): string | undefined
  port(key: string): number | undefined
  seconds(key: string): number | undefined
  boolean(key: string): boolean | undefined
  list(key: string): readonly string[] | undefined
  wrong(key: string, wanted: string): InputError
}

function reader(host: string | undefined, vars: Vars): Reader {
  const raw = (key: string): unknown => vars[key] ?? undefined
  const complain = (key: string, wanted: string, got: string): InputError =>
    new InputError('host-variable', `${key} must be ${wanted}, got ${got}`, { host })
  const wrong = (key: string, wanted: string): InputError => complain(key, wanted, JSON.stringify(raw(key)) ?? String(raw(key)))
  const text = (key: string): string | undefined => {
    const value = raw(key)
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value === '' || /[\0\r\n]/.test(value)) throw wrong(key, 'text')
    return value
  }
  return {
    host,
    raw,
    text,
    wrong,
    secret(key) {
      const value = raw(key)
      if (value === undefined) return undefined
      // A password of digits is written without quotes more often than not.
      if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
      // The value itself is never quoted in the message.
      if (typeof value !== 'string' || /[\0\r\n]/.test(value)) throw complain(key, 'text of one line', `something else (${typeof value})`)
      return value
    },
    port(key) {
      const value = raw(key)
      if (value === undefined) return undefined
      const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
      if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) throw wrong(key, 'a port from 1 to 65535')
      return port
    },
    seconds(key) {
      const value = raw(key)
      if (value === undefined) return undefined
      const seconds = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value
      if (typeof seconds !== 'number' || !(seconds > 0)) throw wrong(key, 'a number of seconds')
      return seconds
    },
    boolean(key) {
      const value = raw(key)
      if (value === undefined || typeof value === 'boolean') return value
      if (/^(yes|true|on|1)$/i.test(String(value))) return true
      if (/^(no|false|off|0)$/i.test(String(value))) return false
      throw wrong(key, 'true or false')
    },
    list(key) {
      const value = raw(key)
      if (value === undefined) return undefined
      const items: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',').filter((item) => item.trim() !== '') : [value]
      const words = items.map((item) => (typeof item === 'string' ? item.trim() : item))
      if (!words.every((word): word is string => typeof word === 'string' && /^([^@\s]+@)?(\[[^\]\s]+\]|[^@:\s]+)(:\d+)?$/.test(word))) {
        throw wrong(key, 'a list of user@host:port')
      }
      return words
    },
  }
}
