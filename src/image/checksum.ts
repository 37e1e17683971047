/** Checksums as people publish them. */
import { InputError } from '../errors.ts'

export type Algorithm = 'sha256' | 'sha512'

/** A digest in lower-case hexadecimal. */
export interface Checksum {
  readonly algorithm: Algorithm
  readonly digest: string
}

/** Hexadecimal digits of each algorithm that farm trusts. */
const BY_LENGTH: Readonly<Record<number, Algorithm>> = { 64: 'sha256', 128: 'sha512' }
/** Those that are too weak to vouch for anything, to be named in the message. */
const WEAK: Readonly<Record<number, string>> = { 32: 'MD5', 40: 'SHA-1', 56: 'SHA-224', 96: 'SHA-384' }

/**
 * Reads `sha256:…`, `sha512:…` or the digest alone; undefined for `none`.
 * @throws InputError checksum-format
 */
export function parseChecksum(text: string): Checksum | undefined {
  if (text === 'none') return undefined
  const [, name, digest = ''] = /^(?:(sha256|sha512):)?([0-9a-f]+)$/i.exec(text.trim()) ?? []
  const algorithm = BY_LENGTH[digest.length]
  if (algorithm === undefined || (name !== undefined && name.toLowerCase() !== algorithm)) {
    throw new InputError('checksum-format', `${JSON.stringify(text)} is not a checksum`, { hint: 'write sha256: and 64, or sha512: and 128 hexadecimal digits' })
  }
  return { algorithm, digest: digest.toLowerCase() }
}

/**
 * Finds a file's checksum in what `sha256sum` or `sha512sum` printed: `HASH  name`, `HASH *name`, or with --tag (BSD) `SHA256 (name) = HASH`.
 * A name may have a directory in front (`./name`). `source` is the checksum file's address for messages.
 * @throws InputError checksum-missing when the name is not listed, or only with a digest that farm does not trust.
 */
export function findChecksum(text: string, name: string, source: string): Checksum {
  const found: string[] = []
  const names: string[] = []
  for (const line of text.split(/\r?\n/)) {
    const plain = /^\\?([0-9a-fA-F]{32,128})(?: [ *]|\t+| {2,})(.+?)\s*$/.exec(line)
    const tagged = /^[A-Z0-9-]+ ?\((.+)\) ?= ?([0-9a-fA-F]{32,128})\s*$/.exec(line)
    const [listed, digest] = plain ? [plain[2], plain[1]] : [tagged?.[1], tagged?.[2]]
    if (listed === undefined || digest === undefined) continue
    names.push(listed)
    if (listed === name || listed.replace(/^.*\//, '') === name) found.push(digest.toLowerCase())
  }
  // A file may list several algorithms; the longest trusted digest counts.
  const digest = found.filter((each) => BY_LENGTH[each.length]).sort((a, b) => b.length - a.length)[0]
  if (digest !== undefined) {
    if (found.some((each) => each.length === digest.length && each !== digest)) throw new InputError('checksum-missing', `${source} lists ${name} twice with different checksums`)
    return { algorithm: BY_LENGTH[digest.length] as Algorithm, digest }
  }
  const weak = found.map((each) => WEAK[each.length]).find(Boolean)
  if (weak !== undefined) throw new InputError('checksum-missing', `${source} lists ${name} with a ${weak} digest only`, { hint: 'farm trusts SHA-256 and SHA-512: name another checksum file' })
  const bare = names.length === 0 ? /^\s*([0-9a-fA-F]+)\s*$/.exec(text)?.[1] : undefined
  if (bare !== undefined && BY_LENGTH[bare.length]) return { algorithm: BY_LENGTH[bare.length] as Algorithm, digest: bare.toLowerCase() }
  const listed = names.length === 0 ? 'it lists nothing' : `it lists ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`
  throw new InputError('checksum-missing', `${source} does not list ${name}: ${listed}`, { hint: 'check that the image and its checksum file belong together' })
}
