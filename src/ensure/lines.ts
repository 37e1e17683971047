/** Editing a text by lines. Pure functions: text in, text out; what is not touched keeps every byte, its line endings included. */

/** A text as lines that keep their endings. */
function split(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** A line without its ending. */
function bare(line: string): string {
  return line.replace(/\r?\n$/, '')
}

/** Where new lines go: before or after a line that matches, at the end, or at the beginning. */
export interface Place {
  readonly insertAfter?: RegExp | 'EOF' | undefined
  readonly insertBefore?: RegExp | 'BOF' | undefined
  /** The first line that matches counts, instead of the last. */
  readonly firstMatch?: boolean | undefined
}

/** A line that shall be there. */
export interface LineEdit extends Place {
  readonly line: string
  readonly regexp?: RegExp | undefined
  /** `\1` and `\g<name>` in `line` stand for groups of `regexp`; nothing is done when it does not match. */
  readonly backrefs?: boolean | undefined
}

/** The text with `line` in it: in place of the line that `regexp` matches, else where it is, else at its place. */
export function withLine(text: string, { line, regexp, backrefs = false, ...place }: LineEdit): string {
  const lines = split(text)
  const ending = endingOf(lines)
  const at = regexp === undefined ? -1 : find(lines, (each) => regexp.test(each), place.firstMatch)
  if (at >= 0) {
    const old = lines[at] as string
    const match = regexp?.exec(bare(old))
    const fresh = backrefs && match ? expand(line, match) : line
    if (bare(old) === fresh) return text
    lines[at] = fresh.replaceAll('\n', ending) + old.slice(bare(old).length)
    return lines.join('')
  }
  if (backrefs || lines.some((each) => bare(each) === line)) return text
  return insert(lines, line, ending, place)
}

/** The text without the lines that are `line`, or that `regexp` matches. */
export function withoutLine(text: string, { line, regexp }: { readonly line?: string | undefined; readonly regexp?: RegExp | undefined }): string {
  return split(text)
    .filter((each) => !(regexp === undefined ? bare(each) === line : regexp.test(bare(each))))
    .join('')
}

/** Lines between two markers. */
export interface BlockEdit extends Place {
  /** Undefined: the block and its markers shall not be there. */
  readonly block: string | undefined
  readonly begin: string
  readonly end: string
}

/** The text with the block between its markers. */
export function withBlock(text: string, { block, begin, end, ...place }: BlockEdit): string {
  const lines = split(text)
  const ending = endingOf(lines)
  const first = lines.findIndex((each) => bare(each) === begin)
  const last = first < 0 ? -1 : lines.findIndex((each, index) => index > first && bare(each) === end)
  if (first >= 0 && last < 0) throw new RangeError(`there is ${JSON.stringify(begin)} in line ${first + 1}, and no ${JSON.stringify(end)} after it`)
  const inner = block === undefined || block === '' ? '' : `\n${block.replace(/\n$/, '')}`
  const whole = `${begin}${inner}\n${end}`
  if (first < 0) return block === undefined ? text : insert(lines, whole, ending, place)
  const tail = (lines[last] as string).slice(end.length)
  lines.splice(first, last - first + 1, ...(block === undefined ? [] : [whole.replaceAll('\n', ending) + tail]))
  return lines.join('')
}

function insert(lines: string[], line: string, ending: string, { insertAfter, insertBefore, firstMatch }: Place): string {
  const matching = (pattern: RegExp): number => find(lines, (each) => pattern.test(each), firstMatch)
  const after = insertAfter instanceof RegExp ? matching(insertAfter) : -1
  const before = insertBefore instanceof RegExp ? matching(insertBefore) : insertBefore === 'BOF' ? 0 : -1
  const at = after >= 0 ? after + 1 : before >= 0 ? before : lines.length
  // What comes after a line that had no ending gives it one; the new last line has one.
  const previous = lines[at - 1]
  if (previous !== undefined && !previous.endsWith('\n')) lines[at - 1] = previous + ending
  lines.splice(at, 0, line.replaceAll('\n', ending) + ending)
  return lines.join('')
}

function find(lines: readonly string[], matches: (line: string) => boolean, first = false): number {
  const test = (line: string): boolean => matches(bare(line))
  return first ? lines.findIndex(test) : lines.findLastIndex(test)
}

/** How most lines of a text end. */
function endingOf(lines: readonly string[]): string {
  return lines.filter((line) => line.endsWith('\r\n')).length * 2 > lines.length ? '\r\n' : '\n'
}

function expand(line: string, match: RegExpExecArray): string {
  return line.replace(/\\(?:(\d{1,2})|g<(\w+)>|(\\))/g, (_, number?: string, name?: string, backslash?: string) => {
    if (backslash !== undefined) return backslash
    const group = number ?? name ?? ''
    const value = /^\d+$/.test(group) ? match[Number(group)] : match.groups?.[group]
    if (value === undefined && !(/^\d+$/.test(group) ? Number(group) < match.length : group in (match.groups ?? {}))) throw new RangeError(`the regexp has no group ${group}`)
    return value ?? ''
  })
}
