/** Text for a terminal: colour, width, cutting, and making foreign text harmless. */

/** Named looks; the numbers are SGR parameters (ECMA-48): on, off. */
const LOOKS = {
  bold: [1, 22],
  faint: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const

export type Look = keyof typeof LOOKS

/** Wraps `text` in the look's escape sequences, or returns it as it is when `colour` is false. */
export function paint(look: Look | undefined, text: string, colour: boolean): string {
  if (!colour || look === undefined || text === '') return text
  const [on, off] = LOOKS[look]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

/** Escape sequences (ECMA-48): control sequences; strings up to their terminator; all others. */
const SEQUENCES = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/gu
/** Control characters, and those that turn the direction of writing. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu

/** What no harmless text has; every escape sequence begins with one of these. */
const FOUL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u

/** Makes a line of foreign text (a console, a command's output) safe to print: no escape sequences, no control characters. */
export function clean(line: string): string {
  if (!FOUL.test(line)) return line
  return line.replaceAll(SEQUENCES, '').replaceAll('\t', '  ').replaceAll(CONTROLS, '')
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const INVISIBLE = /[\p{Mark}\p{Cf}]/u

const PRINTABLE_ASCII = /^[ -~]*$/u

/** Columns that `text` (without escape sequences) takes on a terminal. */
export function width(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  let columns = 0
  for (const char of text) columns += INVISIBLE.test(char) ? 0 : WIDE.test(char) ? 2 : 1
  return columns
}

/** Cuts `text` to at most `columns`, ending in `…` where something was cut. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text
  if (columns < 1) return ''
  let kept = ''
  let used = 0
  for (const char of text) {
    const next = width(char)
    if (used + next > columns - 1) break
    kept += char
    used += next
  }
  return `${kept}…`
}

/** Fills `text` with blanks up to `columns`, and cuts it when it is wider. */
export function pad(text: string, columns: number): string {
  const fitting = cut(text, columns)
  return fitting + ' '.repeat(Math.max(0, columns - width(fitting)))
}

/** A piece of a line and how it looks. */
export type Segment = readonly [text: string, look?: Look | undefined]

/** Joins segments into one line of at most `columns`, cut before it is coloured so that no escape sequence is torn. */
export function line(segments: readonly Segment[], columns: number, colour: boolean): string {
  let rest = columns
  let joined = ''
  for (const [text, look] of segments) {
    if (rest <= 0) break
    const fitting = cut(clean(text), rest)
    joined += paint(look, fitting, colour)
    rest -= width(fitting)
    if (fitting.endsWith('…') && fitting !== text) break
  }
  return joined
}

/** Breaks `text` at blanks into lines of at most `columns`; a longer word stands alone on its line. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of text.split(' ')) {
    if (current !== '' && width(current) + 1 + width(word) > columns) {
      lines.push(current)
      current = word
    } else {
      current = current === '' ? word : `${current} ${word}`
    }
  }
  return [...lines, current]
}

/** Seconds for people: `0.8 s`, `41 s`, `2 min 5 s`. */
export function seconds(value: number): string {
  const positive = Math.max(0, value)
  if (positive < 9.95) return `${positive.toFixed(1)} s`
  const whole = Math.round(positive)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** `1 host`, `2 hosts`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** Names in a row, of which at most `most` are said: `a, b and 98 more`. */
export function list(names: readonly string[], most: number): string {
  const shown = names.map(clean)
  return shown.length <= most + 1 ? shown.join(', ') : `${shown.slice(0, most).join(', ')} and ${shown.length - most} more`
}

/** A note as lines, each with its host and its level where there is something to say of them. */
export function noteLines({ host, level, message }: { readonly host?: string | undefined; readonly level: 'info' | 'warning'; readonly message: string }): string[] {
  const prefix = `${host === undefined ? '' : `[${host}] `}${level === 'warning' ? 'warning: ' : ''}`
  return message.trimEnd().split('\n').map((text) => prefix + text)
}
