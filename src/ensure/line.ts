/** A line in a text file. */
import { z } from 'zod'
import { pattern } from './arguments.ts'
import { editing, ensureEdited } from './edit.ts'
import { withLine, withoutLine } from './lines.ts'
import { primitive } from './primitive.ts'

const schema = z
  .strictObject({
    ...editing,
    line: z.string().regex(/^[^\r\n]*$/, 'must be one line; ensure.block takes several').optional().describe('the line; needed unless a regexp says what shall be absent'),
    regexp: pattern.optional().describe('regular expression of the line to replace, the last that matches; with state absent, of all lines to remove'),
    backrefs: z.boolean().default(false).describe('\\1 and \\g<name> in line stand for groups of regexp; a file without a match is left alone'),
  })
  .refine(({ state, line }) => state === 'absent' || line !== undefined, { path: ['line'], error: 'is needed' })
  .refine(({ line, regexp }) => line !== undefined || regexp !== undefined, { path: ['line'], error: 'line or regexp is needed' })
  .refine(({ backrefs, regexp }) => !backrefs || regexp !== undefined, { path: ['backrefs'], error: 'needs a regexp' })
  .refine(({ insertAfter, insertBefore }) => insertAfter === undefined || insertBefore === undefined, { path: ['insertAfter'], error: 'insertAfter and insertBefore exclude each other' })

/** Makes a line be in a file once, or not be there. */
export const line = primitive({
  name: 'line',
  description: 'A line in a text file.',
  schema,
  run: async ({ host }, { line, regexp, backrefs, insertAfter, insertBefore, firstMatch, ...rest }) => {
    const { path, state } = rest
    const summary = state === 'absent' ? `remove ${line === undefined || regexp !== undefined ? `lines that match ${String(regexp)}` : JSON.stringify(line)} from ${path}` : `write the line ${JSON.stringify(line)} to ${path}`
    return ensureEdited(host, {
      ...rest,
      summary,
      edit: (text, encode) =>
        state === 'absent'
          ? withoutLine(text, { regexp, line: line === undefined ? undefined : encode(line) })
          : withLine(text, { line: encode(line ?? ''), regexp, backrefs, insertAfter, insertBefore, firstMatch }),
    })
  },
})
