/** Host names as inventories abbreviate them: `node[01:30]`, `db-[a:c]`, `h[1:9:2]`, `web:2222`. */
import { isIP } from 'node:net'
import { InputError, type Location } from '../errors.ts'

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const RANGE = String.raw`\[(?:\d*:\d+|[a-zA-Z]:[a-zA-Z])(?::\d+)?\]`
const LABEL = String.raw`(?:[\p{L}\p{N}_]|${RANGE})(?:[\p{L}\p{N}_-]|${RANGE})*`
/** Most names: neither an address nor a range. */
const PLAIN_NAME = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*$/
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, 'u')

/** A name and a port, when `text` is an address as inventories write it; undefined when it is something else. */
export function parseAddress(text: string): { readonly host: string; readonly port?: number } | undefined {
  const match = /^\[(.+)\]:([0-9]+)$/.exec(text) ?? /^((?:[^:[\]]|\[[^\]]*\])*):([0-9]+)$/.exec(text)
  const host = match?.[1] ?? text
  if (isIP(host) === 0 && !HOST_NAME.test(host)) return undefined
  return match ? { host, port: Number(match[2]) } : { host }
}

/**
 * All names that a host entry stands for, and its port.
 * @throws InputError for ranges that cannot be expanded.
 */
export function expandHosts(text: string, location: Location): { readonly names: string[]; readonly port?: number } {
  if (PLAIN_NAME.test(text)) return { names: [text] }
  const address = parseAddress(text)
  const names = expandRange(address?.host ?? text, location)
  // Port 0 is none, as in Ansible.
  return address?.port ? { names, port: address.port } : { names }
}

function expandRange(text: string, location: Location): string[] {
  const match = /^([^[]*)\[([^\]]*)\](.*)$/s.exec(text)
  if (!match) {
    if (!/[[\]]/.test(text)) return [text]
    throw refuse(text, 'a bracket is not closed', location)
  }
  const [, head = '', range = '', tail = ''] = match
  const names: string[] = []
  const tails = tail.includes('[') ? expandRange(tail, location) : [tail]
  for (const item of sequence(range, text, location)) for (const end of tails) names.push(head + item + end)
  return names
}

function* sequence(range: string, text: string, location: Location): Generator<string> {
  const bounds = range.split(':')
  if (bounds.length !== 2 && bounds.length !== 3) throw refuse(text, 'a range is [begin:end] or [begin:end:step]', location)
  const [first = '', last = '', by = '1'] = bounds
  const begin = first || '0'
  if (!last) throw refuse(text, 'the range has no end', location)
  const step = /^\d+$/.test(by) ? Number(by) : 0
  if (step < 1) throw refuse(text, 'the step of a range must be a positive number', location)
  if (begin.length === 1 && last.length === 1 && LETTERS.includes(begin) && LETTERS.includes(last)) {
    const [from, to] = [LETTERS.indexOf(begin), LETTERS.indexOf(last)]
    if (from > to) throw refuse(text, `the range ends before it begins`, location)
    for (let index = from; index <= to; index += step) yield LETTERS[index] as string
    return
  }
  if (!/^-?\d+$/.test(begin) || !/^\d+$/.test(last)) throw refuse(text, 'a range goes from number to number or from letter to letter', location)
  const width = begin.length > 1 && begin.startsWith('0') ? begin.length : 0
  if (width && width !== last.length) throw refuse(text, `the range begins with ${begin.length} digits and ends with ${last.length}`, location)
  if (Number(last) - Number(begin) > 1_000_000 * step) throw refuse(text, 'the range has more than a million names', location)
  for (let index = Number(begin); index <= Number(last); index += step) yield String(index).padStart(width, '0')
}

function refuse(text: string, why: string, location: Location): InputError {
  return new InputError('host-range', `cannot expand ${text}: ${why}`, { location, hint: 'for example node[01:30], db-[a:c], h[1:9:2]' })
}
