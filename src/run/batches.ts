/** `serial`: hosts in batches, one after the other. */
import { InputError } from '../errors.ts'
import type { Serial } from '../recipe/index.ts'

/**
 * Cuts hosts into batches. Shares are of all hosts, rounded down, at least one; the last number of a list is used again and again.
 * @throws InputError `serial` for what is neither a number nor a share.
 */
export function batchesOf(hosts: readonly string[], serial: Serial | undefined): string[][] {
  if (serial === undefined) return [[...hosts]]
  const sizes = (Array.isArray(serial) ? (serial as readonly (number | string)[]) : [serial as number | string]).map((size) => sizeOf(size, hosts.length))
  const batches: string[][] = []
  for (let start = 0; start < hosts.length; ) {
    const size = sizes[Math.min(batches.length, sizes.length - 1)] ?? hosts.length
    batches.push(hosts.slice(start, start + size))
    start += size
  }
  return batches
}

function sizeOf(size: number | string, all: number): number {
  const share = typeof size === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(size)?.[1] : undefined
  if (share !== undefined) return Math.max(1, Math.floor((Number(share) / 100) * all))
  // As in Ansible, none at a time means all at once.
  if (typeof size === 'number' && Number.isInteger(size) && size >= 0) return size === 0 ? Math.max(1, all) : size
  throw new InputError('serial', `serial is a number of hosts or a share like "30%", got ${JSON.stringify(size)}`)
}
