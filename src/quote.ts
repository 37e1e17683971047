/** Quoting for the POSIX shell, by single quotes alone: the far end may be dash or busybox. */

/** Words that a shell takes literally; `=` only after an option's dash, lest a value become an assignment. */
const PLAIN = /^(?:[\w/.,:@%+-]+|-[\w/.,:@%+=-]+)$/

/** Quotes one value as one word of any POSIX shell. A NUL character, which no argument can carry, is the caller's to refuse. */
export function shellQuote(value: string): string {
  return PLAIN.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`
}
