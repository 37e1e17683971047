/** Lines in a text file, between two marker lines. */
import { z } from 'zod'
import { editing, ensureEdited } from './edit.ts'
import { withBlock } from './lines.ts'
import { primitive } from './primitive.ts'

const schema = z
  .strictObject({
    ...editing,
    block: z.string().optional().describe('the lines; needed unless state is absent'),
    marker: z
      .string()
      .regex(/^[^\r\n]*\{mark\}[^\r\n]*$/, 'must be one line with {mark} in it')
      .default('# {mark} FARM MANAGED BLOCK')
      .describe('the lines around the block; {mark} becomes BEGIN and END. Several blocks in a file need different ones'),
  })
  .refine(({ state, block }) => state === 'absent' || block !== undefined, { path: ['block'], error: 'is needed' })
  .refine(({ insertAfter, insertBefore }) => insertAfter === undefined || insertBefore === undefined, { path: ['insertAfter'], error: 'insertAfter and insertBefore exclude each other' })

/** Makes lines be between their markers in a file, or neither be there. */
export const block = primitive({
  name: 'block',
  description: 'Lines in a text file, between two marker lines.',
  schema,
  run: async ({ host }, { block: wanted, marker, insertAfter, insertBefore, firstMatch, ...rest }) => {
    const { path, state } = rest
    return ensureEdited(host, {
      ...rest,
      summary: state === 'absent' ? `remove the block from ${path}` : `write the block in ${path}`,
      edit: (text, encode) =>
        withBlock(text, {
          block: state === 'absent' ? undefined : encode(wanted ?? ''),
          begin: encode(marker.replace('{mark}', 'BEGIN')),
          end: encode(marker.replace('{mark}', 'END')),
          insertAfter,
          insertBefore,
          firstMatch,
        }),
    })
  },
})
