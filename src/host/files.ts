/** Reading and writing a host's files by nothing but its shell. */
import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import { InputError, TaskError } from '../errors.ts'
import { firstLine } from './shell.ts'
import type { Host, Shell } from './types.ts'

/** A sink for `queryInto` that keeps the bytes as they are; the text of a command's output has lost those that are no UTF-8. */
export function byteSink(): { readonly sink: Writable; bytes(): Buffer } {
  const chunks: Buffer[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { sink, bytes: () => Buffer.concat(chunks) }
}

/** A file's text and its permissions. */
export interface FileState {
  readonly content: string
  /** Permission bits, e.g. 0o644. */
  readonly mode: number
}

/** What `stat` says of a path. */
export interface Stat {
  readonly type: 'file' | 'directory' | 'link' | 'other'
  /** Permission bits, e.g. 0o644. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Names of `uid` and `gid`; `UNKNOWN` where they have none. */
  readonly owner: string
  readonly group: string
  /** Bytes. */
  readonly size: number
}

/** A path's state: that of a link's target, and its bytes if it is a file that is not too large. */
export interface Entry extends Stat {
  /** Undefined for what is no file, or too large; then `sha256` is there for files. */
  readonly content: Buffer | undefined
  readonly sha256: string | undefined
}

/** The format for `stat -c` that {@link parseStat} reads; GNU's and busybox's know it. */
export const STAT_FORMAT = '%f %u %g %s %U:%G'

const TYPES: Readonly<Record<number, Stat['type']>> = { 0o10: 'file', 0o04: 'directory', 0o12: 'link' }

/** Reads a line that `stat -c` printed with {@link STAT_FORMAT}; undefined when it is none. */
export function parseStat(line: string): Stat | undefined {
  const [, raw = '', uid, gid, size, owner = '', group = ''] = /^([0-9a-f]+) (\d+) (\d+) (\d+) ([^:]*):([^:]*)$/.exec(line) ?? []
  if (raw === '') return undefined
  const bits = Number.parseInt(raw, 16)
  return { type: TYPES[bits >> 12] ?? 'other', mode: bits & 0o7777, uid: Number(uid), gid: Number(gid), size: Number(size), owner, group }
}

/** Exit code of the scripts below that says "there is no such file". */
const ABSENT = 44

/** Reads a file and its mode in one round trip, following links; undefined where there is none. */
export async function readState($: Shell, host: string, path: string): Promise<FileState | undefined> {
  checkPath(path, host)
  const output = await $({ nothrow: true })`[ -e ${path} ] || exit ${ABSENT}; stat -L -c %a ${path}; cat ${path}`
  if (output.exitCode === ABSENT) return undefined
  if (output.exitCode !== 0) throw new TaskError('file-read', `cannot read ${path}: ${firstLine(output.stderr)}`, { host })
  const end = output.stdout.indexOf('\n')
  return { mode: Number.parseInt(output.stdout.slice(0, end), 8), content: output.stdout.slice(end + 1) }
}

/**
 * Reads what a path is, and a file's bytes, in one round trip, following links; undefined where there is nothing.
 * @param limit - bytes; of a larger file the digest is read in place of its content
 * @throws TaskError `file-read`
 */
export async function readEntry({ name: host, queryInto }: Host, path: string, limit: number): Promise<Entry | undefined> {
  checkPath(path, host)
  const { sink, bytes: received } = byteSink()
  const output = await queryInto(sink)({ nothrow: true })`
    path=${path}
    [ -e "$path" ] || exit ${ABSENT}
    stat -L -c ${STAT_FORMAT} "$path"
    [ -f "$path" ] || exit 0
    if [ "$(stat -L -c %s "$path")" -le ${limit} ]; then echo content; cat "$path"; else sha256sum < "$path"; fi`
  if (output.exitCode === ABSENT) return undefined
  if (output.exitCode !== 0) throw new TaskError('file-read', `cannot read ${path}: ${firstLine(output.stderr)}`, { host })
  const bytes = received()
  const end = bytes.indexOf(10)
  const stat = parseStat(bytes.toString('utf8', 0, end))
  if (stat === undefined) throw new TaskError('file-read', `cannot read ${path}: stat printed ${bytes.toString('utf8', 0, end)}`, { host })
  const next = bytes.indexOf(10, end + 1)
  const word = next < 0 ? '' : bytes.toString('utf8', end + 1, next)
  return { ...stat, content: word === 'content' ? bytes.subarray(next + 1) : undefined, sha256: word === 'content' ? undefined : /^[0-9a-f]{64}/.exec(word)?.[0] }
}

/** How a written file shall be. */
export interface WriteOptions {
  /** Permission bits. */
  readonly mode: number
  /** For chown: `user`, `:group` or `user:group`, names or numbers; the writer's own when undefined. */
  readonly owner?: string | undefined
  /** A shell command that must succeed before the file takes its place; `%s` in it is the new file's path. */
  readonly validate?: string | undefined
}

/**
 * Writes a file beside its place and moves it there once all of its bytes have arrived; a link's target is what is written.
 * @throws TaskError `file-write`, or `file-invalid` when `validate` fails; the file then is as it was
 */
export async function writeState($: Shell, host: string, path: string, content: string | Uint8Array, { mode, owner, validate }: WriteOptions): Promise<void> {
  checkPath(path, host)
  const bytes = Buffer.from(content as string)
  // The count guards against a connection that breaks half way: cat would take that for the end.
  const output = await $({ nothrow: true, ...(bytes.length > 0 && { input: bytes }) })`
    path=${path}
    owner=${owner ?? ''}
    validate=${validate?.replaceAll('%s', '"$1"') ?? ''}
    if [ -L "$path" ]; then path=$(readlink -f "$path"); fi
    if [ -d "$path" ]; then echo 'it is a directory' >&2; exit 1; fi
    [ -d "\${path%/*}/" ] || { echo "No such file or directory: \${path%/*}" >&2; exit 1; }
    umask 077
    new=\${path%/*}/${temporaryName()}
    trap 'rm -f "$new"' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    cat > "$new"
    [ "$(wc -c < "$new")" -eq ${bytes.length} ] || { echo 'not all of it arrived' >&2; exit 1; }
    [ -z "$owner" ] || [ "$(stat -c %u:%g "$new")" = "$owner" ] || chown "$owner" "$new"
    chmod ${mode.toString(8)} "$new"
    if [ -n "$validate" ]; then sh -c "$validate" sh "$new" >&2 || exit ${INVALID}; fi
    mv -f "$new" "$path"`
  if (output.exitCode === INVALID) throw new TaskError('file-invalid', `the new ${path} is refused by ${validate}`, { host, details: output.stderr.trim().split('\n').slice(-20), hint: 'the file is as it was' })
  if (output.exitCode !== 0) {
    const hint = output.stderr.startsWith('No such file') ? 'create its directory first: ensure.directory' : undefined
    throw new TaskError('file-write', `cannot write ${path}: ${firstLine(output.stderr) || `exit code ${output.exitCode}`}`, { host, hint })
  }
}

/**
 * A name for a file or directory that is not complete yet. It is made up here and not by mktemp, so that the command that cleans up
 * can be set before there is anything to clean up: no moment is left in which an interruption would leave it behind.
 */
export function temporaryName(): string {
  return `.farm-${randomBytes(8).toString('hex')}`
}

/** Exit code that says that `validate` failed. */
const INVALID = 45

function checkPath(path: string, host: string): void {
  if (!path.startsWith('/')) throw new InputError('file-path', `a file on a host needs an absolute path, got ${path}`, { host })
}
