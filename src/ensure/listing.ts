/**
 * A listing of many paths of a host in one round trip: types, modes, owners, sizes, digests, link targets. Names may contain
 * anything, so they are told apart by counting and not by lines.
 */
import { isUtf8 } from 'node:buffer'
import { TaskError } from '../errors.ts'
import { firstLine, parseStat, STAT_FORMAT, type Stat } from '../host/index.ts'

/** What the listing says of one path. */
export interface Listed extends Stat {
  /** As it was given to the listing. */
  readonly path: string
  /** Of regular files. */
  readonly sha256: string | undefined
  /** Of links: where it points to, and whether a directory is there. */
  readonly target: string | undefined
  readonly toDirectory: boolean
}

/**
 * A script for `xargs -0 sh -c … sh`. Per call it prints the number of names, the names, a letter for each (`-` for what is not
 * there), and then for what is there the lines of stat, of sha256sum and of readlink. Paths have to begin with `./` or `/`, or be `.`.
 */
export const LIST = `
echo $#
[ $# -gt 0 ] || exit 0
printf '%s\\0' "$@"
kinds=
for path do
  shift
  if [ -L "$path" ]; then if [ -d "$path" ]; then kinds=\${kinds}L; else kinds=\${kinds}l; fi
  elif [ -f "$path" ]; then kinds=\${kinds}f
  elif [ -e "$path" ]; then kinds=\${kinds}o
  else kinds=$kinds-; continue; fi
  set -- "$@" "$path"
done
echo "$kinds"
[ $# -gt 0 ] || exit 0
stat -c '${STAT_FORMAT}' "$@"
(
  for path do
    shift
    if [ -f "$path" ] && ! [ -L "$path" ]; then set -- "$@" "$path"; fi
  done
  [ $# -eq 0 ] || sha256sum "$@"
)
for path do if [ -L "$path" ]; then readlink "$path"; echo /; fi; done
`

/**
 * Reads what {@link LIST} printed.
 * @param stderr - what was said meanwhile; its first line explains what is missing
 * @throws TaskError `file-read`
 */
export function readListing(output: Buffer, host: string, stderr: string): Listed[] {
  const reader = new Reader(output, host, stderr)
  const entries: Listed[] = []
  while (!reader.atEnd) {
    const names = Array.from({ length: Number(reader.until('\n')) }, () => reader.until('\0'))
    if (names.length === 0) continue
    const kinds = reader.until('\n')
    const there = names.flatMap((path, index) => (kinds[index] === '-' ? [] : [{ path, kind: kinds[index] }]))
    const stats = there.map(({ path }) => parseStat(reader.until('\n')) ?? reader.fail(path))
    const sums = there.map(({ path, kind }) => (kind === 'f' ? reader.digest(path) : undefined))
    const targets = there.map(({ kind }) => (kind === 'l' || kind === 'L' ? reader.until('\n/\n') : undefined))
    for (const [index, stat] of stats.entries()) {
      const { path = '', kind } = there[index] ?? {}
      entries.push({ ...stat, path, sha256: sums[index], target: targets[index], toDirectory: kind === 'L' })
    }
  }
  return entries
}

class Reader {
  readonly #bytes: Buffer
  readonly #host: string
  readonly #stderr: string
  #at = 0

  constructor(bytes: Buffer, host: string, stderr: string) {
    this.#bytes = bytes
    this.#host = host
    this.#stderr = stderr
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** The text up to `end`, which is skipped. */
  until(end: string): string {
    const found = this.#bytes.indexOf(end, this.#at)
    if (found < 0) this.fail('a directory')
    const part = this.#bytes.subarray(this.#at, found)
    this.#at = found + end.length
    if (!isUtf8(part)) throw new TaskError('file-name', `a name is not UTF-8: ${JSON.stringify(part.toString('latin1'))}`, { host: this.#host })
    return part.toString()
  }

  /** A line of sha256sum; GNU's escapes some names and says so by a backslash, busybox's never does. */
  digest(path: string): string {
    const text = this.#bytes.toString('latin1', this.#at, this.#at + 67)
    const [, slash = '', sum = ''] = /^(\\?)([0-9a-f]{64}) [ *]/.exec(text) ?? []
    const name = slash === '' ? path : path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
    const line = Buffer.from(`${name}\n`)
    const start = this.#at + slash.length + 66
    if (sum === '' || !this.#bytes.subarray(start, start + line.length).equals(line)) this.fail(path)
    this.#at = start + line.length
    return sum
  }

  fail(path: string): never {
    throw new TaskError('file-read', `cannot read ${path}: ${firstLine(this.#stderr) || 'it changed meanwhile'}`, { host: this.#host })
  }
}
