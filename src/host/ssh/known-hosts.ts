/**
 * known_hosts files, as sshd(8) describes them under SSH_KNOWN_HOSTS FILE FORMAT: plain and hashed names, patterns with
 * negation, `[host]:port`, `@revoked`. `@cert-authority` lines are passed over, since certificates are not supported.
 */
import { createHash, createHmac } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { InputError } from '../../errors.ts'

/** A host's public key as known_hosts and the wire carry it. */
export interface HostKey {
  readonly type: string
  /** The key's wire form in base64. */
  readonly blob: string
}

/** One line that may speak about a host. */
export interface KnownHost extends HostKey {
  readonly names: string
  readonly revoked: boolean
  readonly file: string
  readonly line: number
}

/** Parses a file's text; lines that are not understood are passed over, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((raw, index) => {
    const words = raw.trim().split(/\s+/)
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined
    const [names, type, blob] = words
    if (!names || names.startsWith('#') || !type || !blob || (marker !== undefined && marker !== '@revoked')) return []
    return [{ names, type, blob, revoked: marker !== undefined, file, line: index + 1 }]
  })
}

/** A file as it was when it was read. */
interface ReadFile {
  /** Time of change, size and number: those of a file that has not changed stay the same. */
  readonly stamp: string
  /** Lines by the names that they list; a line with anything but names is in `others`. */
  readonly named: ReadonlyMap<string, readonly KnownHost[]>
  readonly others: readonly KnownHost[]
}

const read = new Map<string, ReadFile>()

/**
 * The lines of files that speak about `name`, in order; files that do not exist are empty. A file is parsed once as long as
 * it does not change, since a run asks for each of its hosts.
 * @throws InputError `known-hosts` for a file that cannot be read: what is not seen may be a revocation
 */
export function knownHosts(files: readonly string[], name: string): KnownHost[] {
  return files.flatMap((file) => {
    const { named, others } = readOnce(file)
    return [...(named.get(name) ?? []), ...others.filter((entry) => namesMatch(entry.names, name))].sort((a, b) => a.line - b.line)
  })
}

function readOnce(file: string): ReadFile {
  try {
    const { mtimeNs, size, ino } = statSync(file, { bigint: true })
    const stamp = `${mtimeNs} ${size} ${ino}`
    const before = read.get(file)
    if (before?.stamp === stamp) return before
    const named = new Map<string, KnownHost[]>()
    const others: KnownHost[] = []
    for (const entry of parseKnownHosts(readFileSync(file, 'utf8'), file)) {
      if (/[*?!|]/.test(entry.names)) others.push(entry)
      else for (const one of new Set(entry.names.toLowerCase().split(','))) named.set(one, [...(named.get(one) ?? []), entry])
    }
    const now = { stamp, named, others }
    read.set(file, now)
    return now
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return NO_FILE
    throw new InputError('known-hosts', `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause, location: { file } })
  }
}

const NO_FILE: ReadFile = { stamp: '', named: new Map(), others: [] }

/** The name under which known_hosts files a host: `[host]:port` unless the port is 22. */
export function knownName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
}

/** Whether a line's list of names or hashes speaks about `name`. */
export function namesMatch(names: string, name: string): boolean {
  if (names.startsWith('|1|')) {
    const [salt = '', hash = ''] = names.slice(3).split('|')
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
  }
  let found = false
  for (const pattern of names.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!')
    if (!globMatch(negated ? pattern.slice(1) : pattern, name)) continue
    if (negated) return false
    found = true
  }
  return found
}

function globMatch(pattern: string, name: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === name
  const source = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's').test(name)
}

/** Splits the wire form of a key; its first field names its type. */
export function hostKeyOf(wire: Buffer): HostKey {
  const length = wire.length >= 4 ? wire.readUInt32BE(0) : 0
  return { type: wire.toString('latin1', 4, 4 + Math.min(length, wire.length)), blob: wire.toString('base64') }
}

/**
 * Reads a line of a public key file: `ssh-ed25519 AAAA… comment`.
 * @throws InputError `host-key`
 */
export function parsePublicKey(line: string): HostKey {
  const [type, blob] = line.trim().split(/\s+/)
  if (!type || !blob || hostKeyOf(Buffer.from(blob, 'base64')).type !== type) {
    throw new InputError('host-key', `not an OpenSSH public key: ${line.slice(0, 60)}`)
  }
  return { type, blob: Buffer.from(blob, 'base64').toString('base64') }
}

/** A key's fingerprint as OpenSSH prints it: `SHA256:…`. */
export function fingerprint({ blob }: HostKey): string {
  return `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`
}

/**
 * Adds a host to a file, made with mode 0600 in a directory of mode 0700 where missing.
 * The line goes out in a single append, so that parallel runs do not tear each other's lines.
 */
export function appendKnownHost(file: string, name: string, key: HostKey): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  let before = ''
  try {
    before = readFileSync(file, 'utf8')
  } catch {
    // It does not exist yet; any other trouble shows when it is written.
  }
  const known = parseKnownHosts(before, file).some((entry) => !entry.revoked && entry.blob === key.blob && namesMatch(entry.names, name))
  if (known) return
  const newline = before === '' || before.endsWith('\n') ? '' : '\n'
  appendFileSync(file, `${newline}${name} ${key.type} ${key.blob}\n`, { mode: 0o600 })
}
