/**
 * Quoting for the POSIX shell: the far end may be dash or busybox, so bash's `$'…'` is out of the question.
 * Values go through `posixQuote`; `checkPlacement` refuses templates in which that quoting would not hold.
 */
import { InputError } from '../errors.ts'
import { shellQuote } from '../quote.ts'

/**
 * Quotes one value as one word of any POSIX shell.
 * @throws InputError `command-nul` for a NUL character, which no argument can carry
 */
export function posixQuote(value: string): string {
  if (value.includes('\0')) throw new InputError('command-nul', 'a value for a command contains a NUL character', { hint: 'write it to a file, or give it as input' })
  return shellQuote(value)
}

const checked = new WeakSet<object>()

/**
 * Refuses a command template in which a value stands between quotes: the value brings its own, and two pairs cancel out.
 * Here-documents are left alone, since quotes mean nothing in their bodies.
 * @throws InputError `command-quotes`
 */
export function checkPlacement(pieces: TemplateStringsArray): void {
  if (checked.has(pieces)) return
  const inside = pieces.some((piece) => piece.includes('<<')) ? undefined : quotedValue(pieces)
  if (inside !== undefined) {
    throw new InputError('command-quotes', `a value stands inside quotes in the command: ${inside.trim()}`, {
      hint: 'leave the quotes away around ${…}: farm quotes values itself; write --name=${value} or "$(command ${value})"',
    })
  }
  checked.add(pieces)
}

/** Walks the shell's quoting; answers the text before the first value that stands within quotes. */
function quotedValue(pieces: readonly string[]): string | undefined {
  // Each `$(` opens a context of its own, in which quoting starts anew.
  const stack: string[] = ['']
  for (const [index, piece] of pieces.entries()) {
    for (let at = 0; at < piece.length; at += 1) {
      const char = piece[at]
      const quote = stack[stack.length - 1]
      if (quote === "'") {
        if (char === "'") stack[stack.length - 1] = ''
      } else if (char === '\\') at += 1
      else if (char === '$' && piece[at + 1] === '(') {
        stack.push('')
        at += 1
      } else if (quote === '"') {
        if (char === '"') stack[stack.length - 1] = ''
      } else if (char === "'" || char === '"') stack[stack.length - 1] = char
      else if (char === '(') stack.push('')
      else if (char === ')' && stack.length > 1) stack.pop()
      else if (char === '#' && /(^|[\s;&|(])$/.test(piece.slice(0, at))) {
        const end = piece.indexOf('\n', at)
        if (end < 0) break
        at = end
      }
    }
    if (index < pieces.length - 1 && stack[stack.length - 1] !== '') return piece
  }
  return undefined
}
