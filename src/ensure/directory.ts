/** A directory with its mode and owner, or the absence of one. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import { parseStat, posixQuote, STAT_FORMAT, type Host } from '../host/index.ts'
import { attributes, hostFile, mode } from './arguments.ts'
import { attributeChanges, attributeSides, describeChanges, octal, ownership, setAttributes, type Attributes } from './attributes.ts'
import { primitive, type Ensured } from './primitive.ts'
import { removeDirectory } from './remove-directory.ts'

const schema = z
  .strictObject({
    path: hostFile.describe('absolute path on the host; missing directories above it are made too'),
    state: z.enum(['present', 'absent']).default('present').describe('absent removes it with all that it contains'),
    recurse: z.boolean().default(false).describe('owner and group hold for all that is below it, and mode for all directories'),
    fileMode: mode.optional().describe('with recurse: permissions of all files below it'),
    ...attributes,
  })
  .refine(({ fileMode, recurse }) => fileMode === undefined || recurse, { path: ['fileMode'], error: 'needs recurse' })

/** Makes a directory be there, or not be there. */
export const directory = primitive({
  name: 'directory',
  description: 'A directory with its mode and owner, or the absence of one.',
  schema,
  run: async ({ host }, { path, state, recurse, fileMode, ...wanted }) => (state === 'absent' ? removeDirectory(host, path) : present(host, path, wanted, recurse, fileMode)),
})

async function present(host: Host, path: string, wanted: Attributes, recurse: boolean, fileMode: number | undefined): Promise<Ensured> {
  const deep = recurse ? mismatches(wanted, fileMode) : []
  // A user who is yet to come cannot be looked for, and does not own the directory itself either: that is difference enough.
  const search = deep.map(({ test }) => `find . ${test} -print`).join('\n')
  const output = await host.query({ nothrow: true })`
    path=${path}
    if ! [ -e "$path" ]; then [ ! -L "$path" ] || { echo broken; exit 0; }; exit 44; fi
    stat -L -c ${STAT_FORMAT} "$path"
    [ -d "$path" ] || exit 0
    [ -n ${search} ] || exit 0
    cd "$path"
    { eval ${search} || :; } 2>/dev/null | head -n 1`
  const [first = '', below = ''] = output.stdout.split('\n')
  if (output.exitCode === 44) {
    await host.change({ summary: `create the directory ${path}`, diff: { title: path, before: '', after: described(wanted) } }, ($) => make($, path, wanted))
    return { changed: true }
  }
  const stat = parseStat(first)
  if (first === 'broken') throw new TaskError('file-type', `${path} is a link to nothing`, { host: host.name })
  if (stat === undefined) throw new TaskError('file-read', `cannot read ${path}: ${output.stderr.trim().split('\n')[0] ?? ''}`, { host: host.name })
  if (stat.type !== 'directory') throw new TaskError('file-type', `${path} is not a directory`, { host: host.name, hint: 'remove it first, if it may go' })

  const changes = attributeChanges(wanted, stat)
  if (changes.length === 0 && below === '') return { changed: false }
  const summary = below === '' ? describeChanges(path, changes) : `set modes and owners below ${path}`
  const sides = attributeSides(changes)
  const diff = below === '' ? sides : { before: `${sides.before}${below} and maybe others differ\n`, after: `${sides.after}${described(wanted)}` }
  await host.change({ summary, diff: { title: path, ...diff } }, async ($) => {
    const script = [setAttributes(wanted, '.'), ...deep.map(({ test, apply }) => `find . ${test} -exec ${apply} {} +`)].filter(Boolean).join('\n')
    const done = await $({ nothrow: true })`cd ${path}; eval ${script}`
    if (done.exitCode !== 0) throw new TaskError('file-attributes', `cannot set mode or owner of ${path}: ${done.stderr.trim().split('\n')[0]}`, { host: host.name })
  })
  return { changed: true }
}

async function make($: Host['query'], path: string, wanted: Attributes): Promise<void> {
  await $`umask 022; mkdir -p ${path}; cd ${path}; eval ${setAttributes(wanted, '.') || ':'}`
}

/** What to look for below a directory, and what to do about it. Links are left alone. */
function mismatches({ mode: dirMode, owner, group }: Attributes, fileMode: number | undefined): { test: string; apply: string }[] {
  const wrong = [...(owner === undefined ? [] : [`! -user ${posixQuote(owner)}`]), ...(group === undefined ? [] : [`! -group ${posixQuote(group)}`])]
  return [
    ...(wrong.length === 0 ? [] : [{ test: `! -type l \\( ${wrong.join(' -o ')} \\)`, apply: `chown ${posixQuote(ownership({ owner, group }) ?? '')}` }]),
    ...(dirMode === undefined ? [] : [{ test: `-type d ! -perm ${octal(dirMode)}`, apply: `chmod ${octal(dirMode)}` }]),
    ...(fileMode === undefined ? [] : [{ test: `-type f ! -perm ${octal(fileMode)}`, apply: `chmod ${octal(fileMode)}` }]),
  ]
}

function described({ mode: bits, owner, group }: Attributes): string {
  return ['directory', ...(bits === undefined ? [] : [`mode: ${octal(bits)}`]), ...(owner === undefined ? [] : [`owner: ${owner}`]), ...(group === undefined ? [] : [`group: ${group}`])].join('\n') + '\n'
}
