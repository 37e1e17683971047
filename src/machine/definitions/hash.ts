/** What a definition is, in one word: for snapshots, which remember what they were made from. */
import { createHash } from 'node:crypto'
import type { MachineDefinition } from './types.ts'

/** Raised when the same definition means another machine than before. */
const VERSION = 1

/**
 * A hash of all that makes the machine what it is: 12 hexadecimal digits. Where files lie, how long farm waits and which kind of
 * snapshots it makes are no part of it, nor is the hypervisor.
 */
export function definitionHash(definition: MachineDefinition): string {
  const { files: _files, bootTimeout: _boot, shutdownTimeout: _shutdown, snapshotType: _type, image, ...rest } = definition
  const steps = image.map(({ step, args }) => ({ step, args }))
  return createHash('sha256').update(canonical([VERSION, { ...rest, image: steps }])).digest('hex').slice(0, 12)
}

/** JSON with sorted keys; what is undefined is as if it were not there. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return `{${entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}
