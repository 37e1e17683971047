/** Users with their groups, password and SSH keys. What is compared stands in user-plan.ts. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import { conceal } from '../secrets.ts'
import { accountName, numericId, shadowHint } from './accounts.ts'
import { keyOf } from './authorized-keys.ts'
import { primitive } from './primitive.ts'
import { byKind, runScript } from './script.ts'
import { parseUser, planUser, USER_READ } from './user-plan.ts'

const field = z.string().regex(/^[^:\n\0]*$/, 'must not contain a colon or a line break')
const path = field.regex(/^\//, 'must be an absolute path')
const keyLines = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => [value].flat().flatMap((text) => text.split('\n')).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')))
  .refine((lines) => lines.every((line) => keyOf(line) !== undefined), 'not a public key: each begins with its type, e.g. ssh-ed25519 AAAA…')

const schema = z
  .strictObject({
    name: accountName.describe('login name'),
    state: z.enum(['present', 'absent']).default('present'),
    uid: numericId.optional().describe("the user's number; the host chooses when not given"),
    group: accountName.optional().describe('primary group; one of the same name as the user when not given'),
    groups: z.union([accountName.transform((one) => [one]), z.array(accountName)]).optional().describe('supplementary groups: these and no others, unless append is given; [] takes all away'),
    append: z.boolean().default(false).describe('the user stays in other groups, too'),
    home: path.optional().describe('home directory; what an old one holds stays there'),
    shell: path.optional().describe('login shell'),
    comment: field.optional().describe('full name'),
    system: z.boolean().default(false).describe('a new user gets a number from the range for system users, and no home unless createHome is given'),
    createHome: z.boolean().optional().describe('a new user gets a home directory; true unless system'),
    passwordHash: field.min(1).optional().describe("the password's crypt(3) hash, as in /etc/shadow; `!` or `*` locks it. It is never shown"),
    updatePassword: z.enum(['always', 'on-create']).default('always').describe('on-create leaves the password of a user that exists alone'),
    authorizedKeys: keyLines.optional().describe('public keys, as lines, that may log in by SSH'),
    exclusive: z.boolean().default(false).describe('no other keys may'),
    remove: z.boolean().default(false).describe('with absent: the home directory and mail go, too'),
  })
  .refine(({ remove, state }) => !remove || state === 'absent', { path: ['remove'], error: 'goes with state absent alone' })
  .refine(({ exclusive, authorizedKeys }) => !exclusive || authorizedKeys !== undefined, { path: ['exclusive'], error: 'goes with authorizedKeys' })

export type UserArguments = z.output<typeof schema>

/** Users that are there as described, or not there. */
export const user = primitive({
  name: 'user',
  description: 'A user, with groups, password hash and authorized keys.',
  schema,
  async run({ host }, wanted) {
    const { name, passwordHash } = wanted
    if (passwordHash !== undefined) conceal(passwordHash)
    // The hash is compared over there: neither it nor the present one is seen in a command line or in an answer.
    const said = await runScript(host.query, host, USER_READ, { what: `read user ${name}`, args: [name], input: `${passwordHash ?? ''}\n` })
    const present = parseUser(said)
    if (present?.oddKeys !== undefined && wanted.authorizedKeys !== undefined && wanted.state === 'present') {
      throw new TaskError('user-keys', `${present.oddKeys} is a link; farm does not write through links in a home directory`, { host: host.name, hint: 'replace it by a directory or a file' })
    }
    if (passwordHash !== undefined && present?.password === 'unknown') {
      throw new TaskError('user-password', `the password of ${name} cannot be compared`, { host: host.name, hint: 'it takes become: true to read /etc/shadow' })
    }
    const plan = planUser(wanted, present, byKind(said)('samegroup').length > 0)
    if (plan === undefined) return { changed: false }
    await host.change({ summary: plan.summary, diff: { title: `user ${name}`, before: plan.before, after: plan.after } }, ($) =>
      runScript($, host, plan.script, { what: plan.summary, args: plan.args, ...(plan.password ? { input: `${name}:${passwordHash ?? ''}\n` } : {}), hint: shadowHint }),
    )
    return { changed: true }
  },
})
