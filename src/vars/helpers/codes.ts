/** Helpers for encodings, hashes without a password, and names and numbers that stay the same for the same seed. */
import { createHash } from 'node:crypto'
import { toJson } from '../formats.ts'
import { Tagged } from '../layer.ts'
import { parseYaml } from '../yaml.ts'
import { counted, found, integer, text, type Helper, type Helpers } from './arguments.ts'
import { PythonRandom } from './python-random.ts'

/** The namespace of Ansible's `to_uuid`. */
const NAMESPACE = '361e6d51-faec-444a-9079-341386da8e2e'
const encode = counted(1, 1, ([value]) => Buffer.from(text(value)).toString('base64'))
const decode = counted(1, 1, ([value]) => fromBase64(text(value)))
const write = counted(1, 1, ([value]) => toJson(value))
const read = counted(1, 1, ([value]) => untagged(parseYaml(text(value), 'value').value))
const uuid = counted(1, 2, ([value, namespace = NAMESPACE]) => uuid5(text(value), text(namespace)))

/** By name. */
export const codeHelpers: Helpers = {
  b64: encode,
  b64encode: encode,
  b64decode: decode,
  json: write,
  to_json: write,
  from_json: read,
  from_yaml: read,
  urlencode: counted(1, 1, ([value]) => encodeURIComponent(text(value))),
  sha1: hash('sha1'),
  sha256: hash('sha256'),
  sha512: hash('sha512'),
  md5: hash('md5'),
  hash: counted(1, 2, ([value, name = 'sha1']) => digest(['sha1', 'sha256', 'sha384', 'sha512', 'md5'].find((known) => known === name) ?? found(undefined, `knows no ${text(name)}`) as string, value)),
  uuid5: uuid,
  to_uuid: uuid,
  random_port: counted(1, 3, ([seed, from = 2201, to = 65_535]) => randomPort(text(seed), integer(from), integer(to))),
  random_mac: counted(1, 2, ([seed, prefix = '52:54:00']) => randomMac(text(seed), text(prefix))),
}

/** Tags ask for more than a value: a password, no rendering. */
function untagged(value: unknown): unknown {
  if (value instanceof Tagged) throw new Error('reads no tags')
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(untagged)
  return value
}

function hash(name: string): Helper {
  return counted(1, 1, ([value]) => digest(name, value))
}

function digest(name: string, value: unknown): string {
  return createHash(name).update(text(value)).digest('hex')
}

function fromBase64(value: string): string {
  const compact = value.replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact) || compact.replace(/=/g, '').length % 4 === 1) throw new Error('needs Base64')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(compact, 'base64'))
  } catch {
    throw new Error('decodes to bytes that are not text')
  }
}

/** RFC 9562, section 5.5: SHA-1 of the namespace's bytes and the name. */
function uuid5(name: string, namespace: string): string {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(namespace)) throw new Error(`needs a UUID as namespace, got ${namespace}`)
  const bytes = createHash('sha1').update(Buffer.from(namespace.replaceAll('-', ''), 'hex')).update(name).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** The number that Ansible's `{{ to | random(start=from, seed=seed) }}` gives. */
export function randomPort(seed: string, from: number, to: number): number {
  if (from < 0 || to > 65_536 || from >= to) throw new Error(`needs two port numbers, the first below the second, got ${from} and ${to}`)
  return Number(new PythonRandom(seed).range(BigInt(from), BigInt(to)))
}

/** The address that Ansible's `{{ prefix | random_mac(seed=seed) }}` gives. */
export function randomMac(seed: string, prefix: string): string {
  const parts = prefix.toLowerCase().replace(/:$/, '').split(':')
  if (parts.length > 5 || !parts.every((part) => /^[0-9a-f]{2}$/.test(part))) throw new Error(`needs a prefix like 52:54:00, got ${prefix}`)
  const digits = new PythonRandom(seed).range(0x1000000000n, 0x10000000000n).toString(16)
  const rest = digits.match(/../g) ?? []
  return [...parts, ...rest].slice(0, 6).join(':')
}
