/** Reading and writing a host's files by nothing but its shell. */
import { InputError, TaskError } from '../errors.ts'
import { firstLine } from './shell.ts'
import type { Shell } from './types.ts'

/** A file's text and its permissions. */
export interface FileState {
  readonly content: string
  /** Permission bits, e.g. 0o644. */
  readonly mode: number
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
 * Writes a file beside its place and moves it there once all of its bytes have arrived; a link's target is what is written.
 * @throws TaskError `file-write`; the file then is as it was
 */
export async function writeState($: Shell, host: string, path: string, content: string | Uint8Array, mode: number): Promise<void> {
  checkPath(path, host)
  const bytes = Buffer.from(content as string)
  // The count guards against a connection that breaks half way: cat would take that for the end.
  const output = await $({ input: bytes, nothrow: true })`
    path=${path}
    if [ -L "$path" ]; then path=$(readlink -f "$path"); fi
    if [ -d "$path" ]; then echo 'it is a directory' >&2; exit 1; fi
    umask 077
    new=$(mktemp "\${path%/*}/.farm-XXXXXX")
    trap 'rm -f "$new"' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    cat > "$new"
    [ "$(wc -c < "$new")" -eq ${bytes.length} ] || { echo 'not all of it arrived' >&2; exit 1; }
    chmod ${mode.toString(8)} "$new"
    mv -f "$new" "$path"`
  if (output.exitCode !== 0) throw new TaskError('file-write', `cannot write ${path}: ${firstLine(output.stderr) || `exit code ${output.exitCode}`}`, { host })
}

function checkPath(path: string, host: string): void {
  if (!path.startsWith('/')) throw new InputError('file-path', `a file on a host needs an absolute path, got ${path}`, { host })
}
