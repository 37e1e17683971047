/**
 * Machines as blocks of an OpenSSH configuration (ssh_config(5)) with a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT),
 * so that ssh, scp, rsync and editors reach them as farm does: same key, same host key, same way through the hypervisor.
 * Pure: writing the files is the command's business.
 */
import { InputError } from '../errors.ts'
import type { HostSpec, MachineStatus } from './engine.ts'

/** A machine and how its hypervisor is reached. */
export interface Reach {
  readonly machine: MachineStatus
  readonly hypervisor: HostSpec
}

/** The name under which a machine's host key is kept, whatever its address. */
export function hostKeyAlias({ name, host }: MachineStatus): string {
  return `${name}.${host}.farm`
}

/** Lines of a known_hosts file for all machines. */
export function knownHosts(machines: readonly MachineStatus[]): string {
  return machines.flatMap((machine) => machine.hostKeys.map((key) => `${word(hostKeyAlias(machine))} ${key.split(/\s+/u).slice(0, 2).map(word).join(' ')}\n`)).join('')
}

/** The configuration: a block per machine, and one per hypervisor that is reached by other means than its name. */
export function sshConfig(reaches: readonly Reach[], knownHostsFile: string): string {
  const names = reaches.map(({ machine }) => machine.name)
  const blocks = reaches.map((reach) => machineBlock(reach, knownHostsFile, names.filter((name) => name === reach.machine.name).length === 1))
  const jumps = new Map(reaches.filter(({ hypervisor }) => needsBlock(hypervisor)).map(({ hypervisor }) => [hypervisor.name, hypervisorBlock(hypervisor)]))
  return [...blocks, ...jumps.values()].map((block) => `${block.join('\n')}\n`).join('\n')
}

function machineBlock({ machine, hypervisor }: Reach, knownHostsFile: string, unique: boolean): string[] {
  const dotted = `${machine.name}.${machine.host}`
  return [
    `Host ${[...(unique ? [machine.name] : []), dotted].map(word).join(' ')}`,
    setting('HostName', noTokens(machine.address)),
    setting('Port', String(machine.port)),
    setting('User', machine.user),
    ...identity(machine.identityFile),
    setting('HostKeyAlias', hostKeyAlias(machine)),
    setting('UserKnownHostsFile', noTokens(knownHostsFile)),
    setting('StrictHostKeyChecking', 'yes'),
    ...(hypervisor.connection === 'local' ? [] : [setting('ProxyJump', needsBlock(hypervisor) ? alias(hypervisor) : hypervisor.name)]),
  ]
}

function hypervisorBlock(hypervisor: HostSpec): string[] {
  const { name, address, port, user, identityFiles = [], jumps = [], knownHostsFiles = [], hostKeyChecking } = hypervisor
  return [
    `Host ${word(alias(hypervisor))}`,
    setting('HostName', noTokens(address ?? name)),
    ...(port === undefined ? [] : [setting('Port', String(port))]),
    ...(user === undefined ? [] : [setting('User', user)]),
    ...identityFiles.flatMap(identity),
    ...(knownHostsFiles.length === 0 ? [] : [`  UserKnownHostsFile ${knownHostsFiles.map(noTokens).map(word).join(' ')}`]),
    ...(hostKeyChecking === undefined ? [] : [setting('StrictHostKeyChecking', hostKeyChecking)]),
    ...(jumps.length === 0 ? [] : [setting('ProxyJump', jumps.join(','))]),
  ]
}

function needsBlock(spec: HostSpec): boolean {
  const { address, port, user, identityFiles, jumps, knownHostsFiles, hostKeyChecking } = spec
  return spec.connection === 'ssh' && [address, port, user, identityFiles, jumps, knownHostsFiles, hostKeyChecking].some((value) => value !== undefined)
}

function alias({ name }: HostSpec): string {
  return `farm-host-${name}`
}

function identity(file: string | undefined): string[] {
  return file === undefined ? [] : [setting('IdentityFile', noTokens(file)), setting('IdentitiesOnly', 'yes')]
}

function setting(key: string, value: string): string {
  return `  ${key} ${word(value)}`
}

/** `%` begins a token in some values; doubled it stands for itself. */
function noTokens(text: string): string {
  return text.replaceAll('%', '%%')
}

/** One argument of a configuration line, quoted where it must be. @throws InputError for what no quoting can hold */
function word(text: string): string {
  if (text === '' || /[\u0000-\u001f\u007f"\\]/u.test(text)) throw new InputError('ssh-config', `${JSON.stringify(text)} cannot stand in an SSH configuration`)
  return /[\s#'*?!,]/u.test(text) && !/^[^\s#'*?!]+$/u.test(text) ? `"${text}"` : text
}
