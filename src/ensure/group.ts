/** Groups of users. */
import { z } from 'zod'
import { accountName, GROUP_READ, NEEDS_SHADOW, numericId, shadowHint } from './accounts.ts'
import { primitive } from './primitive.ts'
import { byKind, commandLine, runScript } from './script.ts'

const schema = z
  .strictObject({
    name: accountName.describe('name of the group'),
    gid: numericId.optional().describe("the group's number; the host chooses when not given"),
    system: z.boolean().default(false).describe('a new group gets a number from the range for system groups'),
    state: z.enum(['present', 'absent']).default('present'),
  })
  .refine(({ state, gid }) => state === 'present' || gid === undefined, { path: ['gid'], error: 'goes with state present alone' })

/** Groups that are there or not. */
export const group = primitive({
  name: 'group',
  description: 'A group of users.',
  schema,
  async run({ host }, { name, gid, system, state }) {
    const present = byKind(await runScript(host.query, host, GROUP_READ, { what: `read group ${name}`, args: [name] }))('group')[0]
    const number = present?.split(':')[2]
    const apply = async (summary: string, script: string, after: string): Promise<{ changed: true }> => {
      await host.change({ summary, diff: { title: `group ${name}`, before: number === undefined ? '' : `gid: ${number}\n`, after } }, ($) => runScript($, host, script, { what: summary, hint: shadowHint }))
      return { changed: true }
    }
    const either = (shadow: readonly string[], busybox: readonly string[]): string => `if command -v ${shadow[0]} >/dev/null 2>&1; then ${commandLine(shadow)}; else ${commandLine(busybox)}; fi`
    if (state === 'absent') return number === undefined ? { changed: false } : apply(`remove group ${name}`, either(['groupdel', name], ['delgroup', name]), '')
    if (number === undefined) {
      const id = gid === undefined ? [] : ['-g', String(gid)]
      const script = either(['groupadd', ...id, ...(system ? ['-r'] : []), name], ['addgroup', ...id, ...(system ? ['-S'] : []), name])
      return apply(`create group ${name}`, script, `gid: ${gid ?? 'chosen by the host'}\n`)
    }
    if (gid === undefined || number === String(gid)) return { changed: false }
    return apply(`change the number of group ${name} from ${number} to ${gid}`, `${NEEDS_SHADOW('groupmod')}\n${commandLine(['groupmod', '-g', String(gid), name])}`, `gid: ${gid}\n`)
  },
})
