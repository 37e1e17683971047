/**
 * Who owns what on a hypervisor. The mark stands in the thing itself: in libvirt's `<metadata>` for machines and
 * networks, in the UUID for storage pools (which have no metadata), in a comment for firewall rules.
 */
import { createHash } from 'node:crypto'
import { InputError } from '../errors.ts'
import { find, type Element } from './xml.ts'

/** The XML namespace of farm's metadata; the number changes when its shape does. */
const FARM_NAMESPACE = 'urn:farm:1'

/** What farm writes into the metadata of a domain. */
export interface MachineMark {
  readonly cluster: string
  /** `user@controller` that made it. */
  readonly owner: string
  /** ISO 8601, to the second, in UTC. */
  readonly created: string
  /** Where SSH answers, as seen from the hypervisor. */
  readonly address: string
  readonly port: number
  readonly user: string
  /** The guest's public SSH host key, an OpenSSH line; farm made the pair itself. */
  readonly hostKey: string
  /** The image that the disk stands on. */
  readonly image: string
  /** Hash of what the guest was told by its seed. */
  readonly seed: string
  /** The file on the hypervisor into which the serial console is logged. */
  readonly console: string
  /** What the machine is made of, as the definition files name it; undefined for machines of clusters, which have none. */
  readonly platform?: string | undefined
  readonly target?: string | undefined
  /** Hash of the definition that it was made from. */
  readonly definition?: string | undefined
}

/** What farm writes into the metadata of a network. */
export interface NetworkMark {
  readonly cluster: string
  readonly owner: string
}

function farmElement(document: Element, name: string): Element | undefined {
  const element = find(document, 'metadata', `farm:${name}`)
  return element?.attributes['xmlns:farm'] === FARM_NAMESPACE ? element : undefined
}

/**
 * Reads the mark of a domain's document; undefined where farm does not own it. A mark counts only on the domain that it
 * was written for: a copy of a machine has the mark, but another UUID, and is its maker's.
 */
export function machineMark(document: Element): MachineMark | undefined {
  const mark = farmElement(document, 'machine')
  if (mark === undefined || mark.attributes['uuid'] !== find(document, 'uuid')?.text) return undefined
  const ssh = find(mark, 'farm:ssh')?.attributes ?? {}
  const made = find(mark, 'farm:definition')?.attributes ?? {}
  return {
    cluster: mark.attributes['cluster'] ?? '',
    owner: mark.attributes['owner'] ?? '',
    created: mark.attributes['created'] ?? '',
    address: ssh['address'] ?? '',
    port: Number(ssh['port'] ?? 22),
    user: ssh['user'] ?? 'root',
    hostKey: find(mark, 'farm:hostkey')?.text ?? '',
    image: find(mark, 'farm:image')?.attributes['key'] ?? '',
    seed: find(mark, 'farm:seed')?.attributes['hash'] ?? '',
    console: find(mark, 'farm:console')?.attributes['path'] ?? '',
    // Empty where one of the three alone is known.
    ...(made['platform'] && { platform: made['platform'] }),
    ...(made['target'] && { target: made['target'] }),
    ...(made['hash'] && { definition: made['hash'] }),
  }
}

/** Reads the mark of a network's document; undefined where farm does not own it. */
export function networkMark(document: Element): NetworkMark | undefined {
  const mark = farmElement(document, 'network')
  return mark === undefined ? undefined : { cluster: mark.attributes['cluster'] ?? '', owner: mark.attributes['owner'] ?? '' }
}

const UUID_NAMESPACE = Buffer.from('6f1c3c0a8a3d4f0e9d53a5d7d3a0f4c2', 'hex')

/** A name-based UUID (RFC 9562, version 5): the same for the same words, and nobody else's. */
export function farmUuid(...words: readonly string[]): string {
  const bytes = createHash('sha1').update(UUID_NAMESPACE).update(JSON.stringify(words)).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The error for something of the wanted name that farm did not make. */
export function foreign(what: string, host: string, owner?: string): InputError {
  return new InputError('foreign-object', `there is already a ${what} on ${host}, and ${owner === undefined ? 'farm did not make it' : `it belongs to cluster "${owner}"`}`, {
    host,
    hint: 'farm touches only what it owns: choose another name, or remove it yourself with virsh',
  })
}
