/** What line and block have in common: a text file that is edited rather than replaced. */
import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import { InputError, TaskError } from '../errors.ts'
import type { Host } from '../host/index.ts'
import { attributes, hostFile, pattern, validate } from './arguments.ts'
import type { Attributes } from './attributes.ts'
import { ensureContent } from './content.ts'
import type { Ensured } from './primitive.ts'

/** Bytes of the largest file that is edited. */
const LARGEST = 32 << 20

/** Arguments of whatever edits a text file. */
export const editing = {
  path: hostFile.describe('absolute path on the host; a link is followed'),
  state: z.enum(['present', 'absent']).default('present'),
  insertAfter: z
    .union([z.literal('EOF'), pattern])
    .optional()
    .describe('regular expression of the line after which to insert what is not there yet, or EOF, which also is what happens when no line matches'),
  insertBefore: z
    .union([z.literal('BOF'), pattern])
    .optional()
    .describe('regular expression of the line before which to insert, or BOF for the beginning of the file'),
  firstMatch: z.boolean().default(false).describe('the first matching line counts, not the last'),
  create: z.boolean().default(false).describe('make the file when there is none; otherwise that is an error'),
  validate,
  ...attributes,
}

/** What an edit needs to know. */
export interface Edit extends Attributes {
  readonly path: string
  readonly state: 'present' | 'absent'
  readonly create: boolean
  readonly validate?: string | undefined
  readonly summary: string
  /** Works on text in which every character stands for the same bytes before and after; own words go through `encode`. */
  edit(text: string, encode: (own: string) => string): string
}

/** Edits a file. Bytes that are no UTF-8 stay what they are. */
export async function ensureEdited(host: Host, { path, state, create, edit, summary, ...rest }: Edit): Promise<Ensured> {
  return ensureContent(host, {
    ...rest,
    path,
    summary,
    limit: LARGEST,
    content: (before, entry) => {
      if (entry === undefined) {
        if (state === 'absent') return undefined
        // In check mode an earlier step may only have said that it would make the file.
        if (!create && !host.check) throw new TaskError('file-missing', `there is no file ${path}`, { host: host.name, hint: 'create: true makes it' })
      } else if (before === undefined) throw new TaskError('file-size', `${path} has more than ${LARGEST} bytes`, { host: host.name })
      const bytes = before ?? Buffer.alloc(0)
      const encoding = isUtf8(bytes) ? 'utf8' : 'latin1'
      try {
        return Buffer.from(edit(bytes.toString(encoding), (own) => (encoding === 'utf8' ? own : Buffer.from(own).toString('latin1'))), encoding)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        throw new InputError('file-edit', `cannot edit ${path}: ${error.message}`, { host: host.name })
      }
    },
  })
}
