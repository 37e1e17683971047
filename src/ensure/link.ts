/** A symbolic link. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import { temporaryName } from '../host/index.ts'
import { hostFile } from './arguments.ts'
import { primitive } from './primitive.ts'

const schema = z
  .strictObject({
    path: hostFile.describe('absolute path of the link'),
    target: z.string().min(1).regex(/^[^\0]*$/, 'cannot contain NUL').optional().describe('where it points to, absolute or relative to the directory of the link; it need not exist'),
    state: z.enum(['present', 'absent']).default('present'),
    force: z.boolean().default(false).describe('replace a file that is in the way; a directory never is'),
  })
  .refine(({ state, target }) => state === 'absent' || target !== undefined, { path: ['target'], error: 'is needed' })

/** Makes a symbolic link be there and point to its target. */
export const link = primitive({
  name: 'link',
  description: 'A symbolic link.',
  schema,
  run: async ({ host }, { path, target = '', state, force }) => {
    const said = await host.query`path=${path}; if [ -L "$path" ]; then echo link; readlink "$path"; elif [ -d "$path" ]; then echo directory; elif [ -e "$path" ]; then echo file; fi`.text()
    const [kind = ''] = said.split('\n', 1)
    const present = kind === 'link' ? said.slice(5, -1) : undefined
    if (state === 'absent') {
      if (kind === '') return { changed: false }
      if (present === undefined) throw new TaskError('file-type', `${path} is a ${kind}, not a link`, { host: host.name })
      await host.change({ summary: `remove the link ${path}`, diff: { title: path, before: `${present}\n`, after: '' } }, ($) => $`rm -f ${path}`)
      return { changed: true }
    }
    if (present === target) return { changed: false }
    if (kind === 'directory') throw new TaskError('file-type', `${path} is a directory`, { host: host.name, hint: 'remove it first, if it may go' })
    if (kind === 'file' && !force) throw new TaskError('file-type', `${path} is a file`, { host: host.name, hint: 'force: true replaces it' })
    const before = present === undefined ? (kind === 'file' ? 'a file\n' : '') : `${present}\n`
    await host.change({ summary: `link ${path} to ${target}`, diff: { title: path, before, after: `${target}\n` } }, async ($) => {
      // Without -T, which not every mv knows, a link to a directory would be gone into instead of being replaced.
      await $`
        path=${path}
        new=\${path%/*}/${temporaryName()}
        trap 'rm -f "$new"' EXIT
        trap 'exit 1' HUP INT TERM PIPE
        ln -s -- ${target} "$new"
        mv -f -T "$new" "$path" 2>/dev/null || { rm -f "$path"; mv -f "$new" "$path"; }`
    })
    return { changed: true }
  },
})
