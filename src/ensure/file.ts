/** A file with its content, mode and owner. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import { attributes, hostFile, validate } from './arguments.ts'
import { ensureContent } from './content.ts'
import { primitive, type EnsureContext, type Ensured } from './primitive.ts'

const schema = z
  .strictObject({
    path: hostFile.describe('absolute path on the host; a link is followed'),
    content: z.string().optional().describe('what the file contains; left as it is, or empty when it is new, when not given'),
    state: z.enum(['present', 'absent', 'touch']).default('present').describe('touch sets the times to now, which always is a change'),
    validate,
    ...attributes,
  })
  .refine(({ state, content }) => state === 'present' || content === undefined, { path: ['content'], error: 'goes with state present alone' })

/** Makes a file be there, with this content, or not be there. */
export const file = primitive({
  name: 'file',
  description: 'A file with its content, mode and owner.',
  schema,
  run: async ({ host }, { state, ...wanted }) => {
    if (state === 'absent') return remove(host, wanted.path)
    const { content, ...rest } = wanted
    const bytes = content === undefined ? undefined : Buffer.from(content)
    const made = await ensureContent(host, { ...rest, content: (_, entry) => bytes ?? (entry === undefined ? Buffer.alloc(0) : undefined) })
    if (state !== 'touch' || made.changed) return made
    await host.change({ summary: `touch ${wanted.path}` }, ($) => $`touch ${wanted.path}`)
    return { changed: true }
  },
})

/** Removes a file or a link, never what the link points to. */
async function remove(host: EnsureContext['host'], path: string): Promise<Ensured> {
  const kind = await host.query`path=${path}; if [ -L "$path" ]; then echo link; elif [ -d "$path" ]; then echo directory; elif [ -e "$path" ]; then echo file; fi`.text()
  if (kind === '') return { changed: false }
  if (kind === 'directory\n') throw new TaskError('file-type', `${path} is a directory`, { host: host.name, hint: 'ensure.directory with state absent removes directories' })
  await host.change({ summary: `remove ${path}` }, ($) => $`rm -f ${path}`)
  return { changed: true }
}
