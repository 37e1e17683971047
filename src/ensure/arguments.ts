/** Arguments that several primitives share: paths, permissions, owners. */
import { posix } from 'node:path'
import { z } from 'zod'

/** An absolute path on the host. */
export const hostPath = z
  .string()
  .refine((path) => path.startsWith('/') && !path.includes('\0'), { error: 'a path on the host must be absolute', abort: true })
  .transform((path) => posix.join(path))

/** A path on the host without a slash at its end. */
export const hostFile = hostPath.transform((path) => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path))

const MODE_HINT = "write '0644' in quotes (octal digits), or 0o644 in TypeScript"

/** Permissions: octal digits as text, or a number that is one already. */
export const mode = z
  .union([z.string(), z.number()])
  .transform((value, context): number => {
    if (typeof value === 'string') {
      if (/^(0o)?0?[0-7]{3,4}$/.test(value)) {
        const bits = Number.parseInt(value.replace('0o', ''), 8)
        if (bits <= 0o7777) return bits
      }
      context.addIssue(`${JSON.stringify(value)} is no mode: ${MODE_HINT}`)
    } else if (Number.isInteger(value) && value >= 0 && value <= 0o7777 && likely(value)) return value
    else context.addIssue(`the number ${value} is no likely mode: ${MODE_HINT}`)
    return z.NEVER
  })
  .describe("permissions, octal: '0644' or 0o644")

/**
 * Whether a number was written in octal. 644, decimal, is 0o1204: a file that its owner may not read. Only two of the modes in
 * use pass for another when they are written in decimal, 400 (0o620) and 500 (0o764), which themselves are hardly ever meant.
 */
function likely(bits: number): boolean {
  const [owner, others] = [(bits >> 6) & 7, ((bits >> 3) | bits) & 7]
  return (owner & 4) !== 0 && (others & ~owner) === 0 && bits !== 400 && bits !== 500
}

const name = z.union([
  z.string().regex(/^[^\s:-][^:\n\0]*$/, 'not a name'),
  z.number().int().nonnegative().transform(String),
])

/** Permissions and ownership, each kept as it is, or left to the host's ways, when it is not given. */
export const attributes = {
  mode: mode.optional(),
  owner: name.optional().describe('name or number of the user that owns it'),
  group: name.optional().describe('name or number of the group that owns it'),
}

/** A shell command that has to accept a file before it takes its place. */
export const validate = z
  .string()
  .regex(/%s/, 'needs %s where the path of the new file goes')
  .refine((command) => !/["']%s|%s["']/.test(command), 'write %s without quotes around it')
  .optional()
  .describe('shell command that must succeed before the file takes its place; %s is the path of the new file, e.g. visudo -cf %s')

/** A regular expression, as JavaScript has them; Python's `(?i)` at the beginning, `(?P<name>…)` and `\Z` are understood. */
export const pattern = z.string().transform((source, context): RegExp => {
  const [, flags = '', rest = source] = /^\(\?([ims]+)\)([^]*)$/.exec(source) ?? []
  try {
    return new RegExp(rest.replaceAll('(?P<', '(?<').replace(/\\Z$/, '$'), flags)
  } catch (error) {
    context.addIssue((error as Error).message)
    return z.NEVER
  }
})
