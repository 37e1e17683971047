/** Decides whether a host's key is the right one: always asked, never skipped. */
import { UnreachableError } from '../../errors.ts'
import { posixQuote } from '../quote.ts'
import { appendKnownHost, fingerprint, hostKeyOf, knownHosts, knownName, parsePublicKey, type KnownHost } from './known-hosts.ts'

/** What is known about a host's key before it is seen. */
export interface HostKeyPolicy {
  /** Inventory name, and the hop's name in messages. */
  readonly host: string
  readonly label: string
  readonly address: string
  readonly port: number
  /** HostKeyAlias: the name to look up instead of the address. */
  readonly alias?: string | undefined
  /** Public key lines that alone are accepted. */
  readonly pins?: readonly string[] | undefined
  readonly checking: 'yes' | 'accept-new'
  /** known_hosts files; the first receives new keys. */
  readonly files: readonly string[]
}

/** Verifies a host's key and says which kinds of key to ask for. */
export interface HostKeyVerifier {
  /** Algorithms in order of preference, for the key exchange. */
  readonly algorithms: string[]
  /** The error that refuses the key, or undefined. */
  refuse(wire: Buffer): UnreachableError | undefined
}

/** All that the SSH library can verify, in the order in which it is asked for. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}
const TYPES = Object.keys(ALGORITHMS)

/**
 * Prepares the check of one host's key.
 * @throws InputError for pins or files that cannot be read
 */
export function hostKeyVerifier(policy: HostKeyPolicy): HostKeyVerifier {
  const name = policy.alias?.toLowerCase() ?? knownName(policy.address, policy.port)
  if (policy.pins !== undefined) return pinned(policy, policy.pins)
  const entries = knownHosts(policy.files, name)
  const valid = entries.filter((entry) => !entry.revoked)
  const known = new Set(valid.map((entry) => entry.type))
  return {
    // A kind that is known comes first, as with OpenSSH: else a host with several keys would look like a stranger.
    algorithms: algorithmsOf([...TYPES.filter((type) => known.has(type)), ...TYPES.filter((type) => !known.has(type))]),
    refuse(wire) {
      const key = hostKeyOf(wire)
      const revoked = entries.find((entry) => entry.revoked && entry.blob === key.blob)
      if (revoked !== undefined) {
        return new UnreachableError('host-key-revoked', `the key of ${policy.label} is revoked in ${revoked.file}:${revoked.line}: ${key.type} ${fingerprint(key)}`, { host: policy.host })
      }
      if (valid.some((entry) => entry.blob === key.blob)) return undefined
      const other = valid.find((entry) => entry.type === key.type) ?? valid[0]
      if (other !== undefined) return changed(policy, name, other, `${key.type} ${fingerprint(key)}`)
      if (policy.checking === 'yes') return unknown(policy, `${key.type} ${fingerprint(key)}`)
      try {
        appendKnownHost(policy.files[0] ?? '', name, key)
        return undefined
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause)
        return new UnreachableError('host-key-unknown', `the key of ${policy.label} is new and cannot be remembered: ${reason}`, { host: policy.host, cause })
      }
    },
  }
}

function pinned(policy: HostKeyPolicy, pins: readonly string[]): HostKeyVerifier {
  const keys = pins.map(parsePublicKey)
  const types = new Set(keys.map((key) => key.type))
  return {
    algorithms: algorithmsOf(TYPES.filter((type) => types.has(type))),
    refuse(wire) {
      const key = hostKeyOf(wire)
      if (keys.some((pin) => pin.blob === key.blob && pin.type === key.type)) return undefined
      return new UnreachableError('host-key-changed', `the key of ${policy.label} is not the one that it must have`, {
        host: policy.host,
        details: [`expected: ${keys.map((pin) => `${pin.type} ${fingerprint(pin)}`).join(' or ')}`, `got:      ${key.type} ${fingerprint(key)}`],
        hint: 'another machine answers at this address, or the host was installed anew',
      })
    },
  }
}

function algorithmsOf(types: readonly string[]): string[] {
  return types.flatMap((type) => ALGORITHMS[type] ?? [])
}

function unknown({ host, label, address, port, alias, files }: HostKeyPolicy, key: string): UnreachableError {
  const portFlag = port === 22 ? '' : `-p ${port} `
  // ssh-keyscan prints the address; a host that goes by an alias is filed under that.
  const rename = alias === undefined ? '' : ` | sed ${posixQuote(`s/^[^ ]* /${alias} /`)}`
  const file = files[0] ?? '~/.ssh/known_hosts'
  return new UnreachableError('host-key-unknown', `the key of ${label} is not known: ${key}`, {
    host,
    hint: `compare the fingerprint with the host's own, then accept it: ssh-keyscan ${portFlag}${posixQuote(address)}${rename} >> ${posixQuote(file)} (or set host_key_checking: accept-new)`,
  })
}

function changed({ host, label }: HostKeyPolicy, name: string, entry: KnownHost, got: string): UnreachableError {
  return new UnreachableError('host-key-changed', `the key of ${label} has changed: somebody may be listening in`, {
    host,
    location: { file: entry.file, line: entry.line },
    details: [`expected: ${entry.type} ${fingerprint(entry)} (${entry.file}:${entry.line})`, `got:      ${got}`],
    hint: `if the host was installed anew, forget its old key: ssh-keygen -R ${posixQuote(name)} -f ${posixQuote(entry.file)}`,
  })
}
