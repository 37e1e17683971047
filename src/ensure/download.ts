/** A file that the host downloads. */
import { posix } from 'node:path'
import { z } from 'zod'
import { FarmError, InputError, TaskError, TemporaryError } from '../errors.ts'
import { parseStat, STAT_FORMAT, temporaryName, type Host, type Stat } from '../host/index.ts'
import { shownUrl } from '../url.ts'
import { attributes, hostPath } from './arguments.ts'
import { attributeChanges, attributeSides, describeChanges, ownership } from './attributes.ts'
import { setAttributesOf } from './content.ts'
import { primitive } from './primitive.ts'
import { findDigest, parseDigest, type Digest } from './sums.ts'

const url = z.string().regex(/^(https?|ftp):\/\/[^\s]+$/, 'needs an address that begins with http://, https:// or ftp://')

const schema = z.strictObject({
  url: url.describe('http, https or ftp address'),
  dest: hostPath.describe('absolute path of the file on the host; with a slash at its end, the directory that it goes into'),
  checksum: z
    .string()
    .refine((text) => parseDigest(text) !== undefined || url.safeParse(text).success, "needs 'sha256:…', 'sha512:…' or the address of a file of checksums")
    .optional()
    .describe("sha256:…, sha512:…, or the address of a file of checksums; a file that has it is not downloaded again"),
  force: z.boolean().default(false).describe('without a checksum: download although there is a file'),
  timeout: z.number().positive().default(600).describe('seconds for the whole download'),
  ...attributes,
})

/** Exit codes: the host has nothing to download with. */
const NO_TOOL = 46
/** The file is not what its checksum promises. */
const MISMATCH = 48

/** A shell function: fetches an address to a file (`-` for standard output) in so many seconds. Of what wget says only the end counts. */
const GET = `get() {
  if command -v curl > /dev/null; then curl -fsSL --connect-timeout 20 --max-time "$3" -o "$2" "$1"
  elif command -v wget > /dev/null; then
    { said=$(wget -T 30 -O "$2" "$1" 2>&1 >&3 3>&-) || { code=$?; printf '%s\\n' "$said" | tail -n 3 >&2; return $code; }; } 3>&1
  else exit ${NO_TOOL}; fi
}`

/** Makes a file be there that is downloaded, verified before it takes its place. */
export const download = primitive({
  name: 'download',
  description: 'A file that the host downloads.',
  schema,
  run: async ({ host }, { url, dest, checksum, force, timeout, ...wanted }) => {
    const name = decodeURIComponent(posix.basename(new URL(url).pathname))
    if (dest.endsWith('/') && name === '') throw new InputError('download-name', `${shownUrl(url)} does not end in a name`, { hint: 'give dest the name of the file' })
    const path = dest.endsWith('/') ? dest + name : dest
    const { stat, digests, list } = await look(host, path, checksum)
    const expected = checksum === undefined ? undefined : (parseDigest(checksum) ?? findDigest(list, name, shownUrl(checksum)))
    const right = stat !== undefined && (expected === undefined ? !force : digests[expected.algorithm] === expected.value)
    const changes = stat === undefined ? [] : attributeChanges(wanted, stat)
    if (right) {
      if (changes.length === 0) return { changed: false }
      await host.change({ summary: describeChanges(path, changes), diff: { title: path, ...attributeSides(changes) } }, ($) => setAttributesOf($, host, path, wanted))
      return { changed: true }
    }
    const before = stat === undefined ? '' : `${stat.size} bytes\n`
    const owner = stat === undefined ? ownership(wanted) : `${wanted.owner ?? stat.uid}:${wanted.group ?? stat.gid}`
    await host.change({ summary: `download ${shownUrl(url)} to ${path}`, diff: { title: path, before, after: `${shownUrl(url)}${expected === undefined ? '' : ` ${expected.algorithm} ${expected.value}`}\n` } }, async ($) => {
      const result = await $({ nothrow: true, timeout: timeout * 1000 + 5_000 })`
        path=${path} owner=${owner ?? ''} expected=${expected?.value ?? ''}
        if [ -L "$path" ]; then path=$(readlink -f "$path"); fi
        eval ${GET}
        umask 077
        new=\${path%/*}/${temporaryName()}
        trap 'rm -f "$new"' EXIT
        trap 'exit 1' HUP INT TERM PIPE
        : > "$new"
        get ${url} "$new" ${timeout}
        if [ -n "$expected" ]; then
          sum=$(${expected?.algorithm ?? 'sha256'}sum < "$new")
          [ "\${sum%% *}" = "$expected" ] || { echo "\${sum%% *}"; exit ${MISMATCH}; }
        fi
        [ -z "$owner" ] || [ "$(stat -c %u:%g "$new")" = "$owner" ] || chown "$owner" "$new"
        chmod ${(wanted.mode ?? stat?.mode ?? 0o644).toString(8)} "$new"
        mv -f "$new" "$path"`
      if (result.exitCode === MISMATCH) {
        throw new TaskError('download-checksum', `${shownUrl(url)} is not what its checksum promises`, { host: host.name, details: [`expected ${expected?.value}`, `got      ${result.stdout.trim()}`], hint: 'the file on the host is as it was' })
      }
      if (result.exitCode !== 0) throw failure(host, url, result.stderr, result.exitCode, timeout)
    })
    return { changed: true }
  },
})

/** The present file, its digests, and the file of checksums, in one round trip. */
async function look(host: Host, path: string, checksum: string | undefined): Promise<{ stat: Stat | undefined; digests: Partial<Record<Digest['algorithm'], string>>; list: string }> {
  const known = checksum === undefined ? undefined : parseDigest(checksum)
  const list = checksum !== undefined && known === undefined ? checksum : ''
  const algorithms = known !== undefined ? [known.algorithm] : list === '' ? [] : (['sha256', 'sha512'] as const)
  const result = await host.query({ nothrow: true })`
    path=${path} list=${list} algorithms=${algorithms.join(' ')}
    if [ -d "$path" ]; then echo directory; exit 0; fi
    if [ -e "$path" ]; then
      stat -L -c ${STAT_FORMAT} "$path"
      for algorithm in $algorithms; do "\${algorithm}sum" < "$path"; done
    else
      echo absent
      for algorithm in $algorithms; do echo; done
    fi
    [ -n "$list" ] || exit 0
    eval ${GET}
    get "$list" - 60`
  const [first = '', ...rest] = result.stdout.split('\n')
  if (first === 'directory') throw new TaskError('file-type', `${path} is a directory`, { host: host.name, hint: `write ${path}/ to download into it` })
  if (result.exitCode !== 0) throw list === '' ? new TaskError('file-read', `cannot read ${path}: ${result.stderr.trim()}`, { host: host.name }) : failure(host, list, result.stderr, result.exitCode, 60)
  const digests = Object.fromEntries(algorithms.map((algorithm, index) => [algorithm, rest[index]?.split(' ')[0]]))
  return { stat: parseStat(first), digests, list: rest.slice(algorithms.length).join('\n') }
}

function failure(host: Host, url: string, stderr: string, exitCode: number | null, timeout: number): FarmError {
  const lines = stderr.trim().split('\n').filter(Boolean)
  const reason = lines.at(-1) ?? (exitCode === null ? `not done after ${timeout} s` : `exit code ${exitCode}`)
  const facts = { host: host.name, details: lines.slice(-5) }
  if (exitCode === NO_TOOL) return new TaskError('downloader-missing', 'there is neither curl nor wget to download with', { host: host.name, hint: 'install the package curl' })
  if (/nonexistent|No such file or directory/.test(reason)) return new TaskError('file-write', `cannot write the download: ${reason}`, { ...facts, hint: 'create its directory first: ensure.directory' })
  if (/\b(401|403|404|410)\b/.test(reason)) return new TaskError('download-missing', `${shownUrl(url)} cannot be had: ${reason}`, { ...facts, hint: 'check the address' })
  return new TemporaryError('download-failed', `the download of ${shownUrl(url)} failed: ${reason}`, facts)
}
