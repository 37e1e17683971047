/** From a description of a host to the hops that lead there, with the user's configuration consulted for each. */
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import type { HostSpec } from '../types.ts'
import type { HostKeyPolicy } from './host-keys.ts'
import { userConfig, type UserConfig } from './user-config.ts'

/** One SSH server on the way, the last being the host itself. */
export interface Hop {
  /** For messages: `jump host bastion` or `web1 (10.0.0.5)`. */
  readonly label: string
  readonly address: string
  readonly port: number
  readonly user: string
  readonly password?: string | undefined
  /** Keys that were asked for by name; a missing one is an error. */
  readonly identityFiles: readonly string[]
  readonly defaultKeys: boolean
  /** Socket of the SSH agent. */
  readonly agent?: string | undefined
  readonly hostKey: HostKeyPolicy
}

/** More hops than this are a circle. */
const DEEPEST = 16

/**
 * Works out the hops to a host, in order.
 * @throws InputError `jump-host` for a hop that is not `user@host:port`, or hops in a circle
 */
export function route(spec: HostSpec): Hop[] {
  const config = userConfig(spec.address ?? spec.name)
  const target = hop(spec, config, spec.address ?? config.hostName ?? spec.name, undefined)
  // An address behind an open connection is meant as seen from there: nothing of ours leads to it.
  const jumps = spec.jumps ?? (spec.via === undefined ? config.jumps : [])
  return [...jumpHops(spec, jumps, 0), target]
}

function jumpHops(spec: HostSpec, jumps: readonly string[], depth: number): Hop[] {
  if (depth > DEEPEST) throw new InputError('jump-host', `the jump hosts of ${spec.name} lead in a circle`, { host: spec.name })
  return jumps.flatMap((text, index) => {
    const [, user, bracketed, plain, port] = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:\s]+))(?::(\d+))?$/.exec(text) ?? []
    const alias = bracketed ?? plain
    if (alias === undefined) throw new InputError('jump-host', `not a jump host: ${text}`, { host: spec.name, hint: 'write user@host:port' })
    const config = userConfig(alias)
    const own = { ...spec, user, port: port === undefined ? undefined : Number(port), password: undefined, hostKeys: undefined }
    // Only the first hop is reached from here, so only its own jump hosts come into play.
    const before = index === 0 && spec.via === undefined ? jumpHops(spec, config.jumps, depth + 1) : []
    return [...before, hop(own, config, config.hostName ?? alias, alias)]
  })
}

function hop(spec: HostSpec, config: UserConfig, address: string, jump: string | undefined): Hop {
  const port = spec.port ?? config.port ?? 22
  const place = `${address}${port === 22 ? '' : ` port ${port}`}`
  const label = jump === undefined ? (spec.name === address ? place : `${spec.name} (${place})`) : `jump host ${place}`
  const identityFiles = [...(spec.identityFiles ?? []), ...config.identityFiles]
  const agent = config.identityAgent === undefined || config.identityAgent === 'SSH_AUTH_SOCK' ? process.env['SSH_AUTH_SOCK'] : config.identityAgent
  const ssh = join(homedir(), '.ssh')
  return {
    label,
    address,
    port,
    user: spec.user ?? config.user ?? userInfo().username,
    password: spec.password,
    identityFiles,
    defaultKeys: !config.identitiesOnly,
    agent: config.identitiesOnly || agent === 'none' || agent === '' ? undefined : agent,
    hostKey: {
      host: spec.name,
      label,
      address,
      port,
      alias: config.hostKeyAlias,
      pins: spec.hostKeys,
      checking: spec.hostKeyChecking ?? (config.acceptNew ? 'accept-new' : 'yes'),
      files: spec.knownHostsFiles ?? [...(config.knownHostsFiles ?? [join(ssh, 'known_hosts'), join(ssh, 'known_hosts2')]), '/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
    },
  }
}
