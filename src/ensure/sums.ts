/** Checksums as people publish them. */
import { InputError } from '../errors.ts'

/** A digest in lower-case hexadecimal. */
export interface Digest {
  readonly algorithm: 'sha256' | 'sha512'
  readonly value: string
}

/** Reads `sha256:…` or `sha512:…`; undefined when it is neither. */
export function parseDigest(text: string): Digest | undefined {
  const [, algorithm, value = ''] = /^(sha256|sha512):([0-9a-f]+)$/i.exec(text.trim()) ?? []
  const digest = byLength(value)
  return digest?.algorithm === algorithm?.toLowerCase() ? digest : undefined
}

function byLength(value: string): Digest | undefined {
  if (value.length !== 64 && value.length !== 128) return undefined
  return { algorithm: value.length === 64 ? 'sha256' : 'sha512', value: value.toLowerCase() }
}

/**
 * Finds a file's digest in what `sha256sum` or `sha512sum` printed, plain or with `--tag`.
 * @throws InputError `checksum-missing`
 */
export function findDigest(sums: string, name: string, source: string): Digest {
  const found: Digest[] = []
  for (const line of sums.split(/\r?\n/)) {
    const plain = /^([0-9a-f]{64,128})(?:\s+\*?(.+?))?\s*$/i.exec(line)
    const tagged = /^SHA(?:256|512) ?\((.+)\) = ([0-9a-f]{64,128})\s*$/i.exec(line)
    const listed = plain?.[2] ?? tagged?.[1]
    const digest = byLength(plain?.[1] ?? tagged?.[2] ?? '')
    // A digest without a name stands for the one file that it was published for.
    if (digest !== undefined && (listed === undefined || listed.replace(/^.*\//, '') === name)) found.push(digest)
  }
  const [first] = found
  if (first === undefined) throw new InputError('checksum-missing', `${source} lists no SHA-256 or SHA-512 digest of ${name}`, { hint: 'check that the file and its checksum file belong together' })
  if (found.some(({ algorithm, value }) => algorithm === first.algorithm && value !== first.value)) throw new InputError('checksum-missing', `${source} lists ${name} twice with different digests`)
  return first
}
