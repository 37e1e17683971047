/** Sending large files and whole trees: what differs goes to the host as one stream, through one command. */
import { basename, join, posix } from 'node:path'
import { TaskError } from '../errors.ts'
import { byteSink, posixQuote, readEntry, sendFiles, type Host, type Parcel } from '../host/index.ts'
import { attributeChanges, attributeSides, describeChanges, octal, ownership, type Attributes } from './attributes.ts'
import { setAttributesOf } from './content.ts'
import { LIST, readListing, type Listed } from './listing.ts'
import { localDigest, type LocalEntry } from './local-tree.ts'
import type { Ensured } from './primitive.ts'
import { planTree, type TreePlan } from './tree-plan.ts'

/** Lines of a tree's diff at most. */
const DIFF_LINES = 500

/** A large file, and where it goes. */
export interface FileDelivery {
  /** Absolute path on the controller. */
  readonly source: string
  /** Bytes. */
  readonly size: number
  /** Absolute path on the host; a link is followed. */
  readonly dest: string
  readonly wanted: Attributes
  readonly signal: AbortSignal
}

/** Makes one file be a copy, without ever holding it in memory. */
export async function sendFile(host: Host, { source, size, dest, wanted, signal }: FileDelivery): Promise<Ensured> {
  const entry = await readEntry(host, dest, 0)
  if (entry !== undefined && entry.type !== 'file') throw new TaskError('file-type', `${dest} is ${entry.type === 'directory' ? 'a directory' : 'no regular file'}`, { host: host.name, hint: `write ${dest}/ to copy into a directory` })
  const changes = entry === undefined ? [] : attributeChanges(wanted, entry)
  const digest = await localDigest(source, signal)
  if (entry?.size === size && entry.sha256 === digest) {
    if (changes.length === 0) return { changed: false }
    await host.change({ summary: describeChanges(dest, changes), diff: { title: dest, ...attributeSides(changes) } }, ($) => setAttributesOf($, host, dest, wanted))
    return { changed: true }
  }
  const before = entry === undefined ? '' : `${entry.size} bytes, sha256 ${entry.sha256}\n`
  const owner = entry === undefined ? ownership(wanted) : `${wanted.owner ?? entry.uid}:${wanted.group ?? entry.gid}`
  const script = `
    dest=${posixQuote(dest)}
    if [ -L "$dest" ]; then dest=$(readlink -f "$dest"); fi
    ${owner === undefined ? '' : `[ "$(stat -c %u:%g 0)" = ${posixQuote(owner)} ] || chown ${posixQuote(owner)} 0`}
    chmod ${octal(wanted.mode ?? entry?.mode ?? 0o644)} 0
    mv -f 0 "$dest"`
  const summary = `copy ${basename(source)} to ${dest} (${amount(size)})`
  await host.change({ summary, diff: { title: dest, before, after: `${size} bytes, sha256 ${digest}\n` } }, ($) => sendFiles($, host.name, { dir: posix.dirname(dest), parcels: [{ path: source, size }], script }))
  return { changed: true }
}

/** A tree, and where it goes. */
export interface TreeDelivery {
  readonly source: string
  readonly tree: readonly LocalEntry[]
  readonly dest: string
  readonly wanted: Attributes
  readonly directoryMode: number | undefined
  /** Remove what is on the host and not in the tree. */
  readonly extraneous: boolean
  readonly signal: AbortSignal
}

/** Makes a directory contain a tree. */
export async function sendTree(host: Host, delivery: TreeDelivery): Promise<Ensured> {
  const { source, tree, dest, signal } = delivery
  const present = await listed(host, delivery)
  const same = async (entry: LocalEntry, there: Listed): Promise<boolean> => entry.size === there.size && there.sha256 === (await localDigest(join(source, entry.path), signal))
  const plan = await planTree(delivery, present, same)
  if (plan.problem !== undefined) throw new TaskError('file-type', plan.problem, { host: host.name, hint: 'remove it first, if it may go' })
  if (plan.lines.length === 0) return { changed: false }
  const parcels: Parcel[] = plan.files.map(({ path, size }) => ({ path: join(source, path), size }))
  const diff = { title: dest, before: shorten(plan.lines.map(({ before }) => before)), after: shorten(plan.lines.map(({ after }) => after)) }
  const create = !present.has('')
  await host.change({ summary: summarize(plan, dest, tree), diff }, ($) => sendFiles($, host.name, { dir: dest, create, parcels, script: plan.script }))
  return { changed: true }
}

/** What of the tree is on the host, by path; with `extraneous` all that is in the directory. */
async function listed(host: Host, { tree, dest, extraneous }: TreeDelivery): Promise<Map<string, Listed>> {
  const input = Buffer.from(tree.map(({ path }) => (path === '' ? '.\0' : `./${path}\0`)).join(''))
  const { sink, bytes } = byteSink()
  const output = await host.queryInto(sink)({ input, nothrow: true })`
    dest=${dest}
    if ! [ -e "$dest" ]; then [ ! -L "$dest" ] || { echo 'it is a link to nothing' >&2; exit 1; }; exit 44; fi
    [ -d "$dest" ] || { echo 'it is not a directory' >&2; exit 1; }
    cd "$dest"
    if ${extraneous}; then cat > /dev/null; find . -print0; else cat; fi | xargs -0 sh -c ${LIST} sh`
  if (output.exitCode === 44) return new Map()
  if (bytes().length === 0 && output.exitCode !== 0) throw new TaskError('file-read', `cannot look at ${dest}: ${output.stderr.trim().split('\n')[0]}`, { host: host.name })
  return new Map(readListing(bytes(), host.name, output.stderr).map((entry) => [entry.path.replace(/^\.\/?/, ''), entry]))
}

function summarize({ files, removed, lines }: TreePlan, dest: string, tree: readonly LocalEntry[]): string {
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  const all = tree.filter(({ type }) => type === 'file').length
  const others = lines.length - files.length - removed.length
  const parts = [
    ...(files.length > 0 ? [`copy ${files.length} of ${all} ${all === 1 ? 'file' : 'files'} (${amount(bytes)}) to ${dest}`] : []),
    ...(others > 0 ? [`set ${others} ${others === 1 ? 'directory, link or attribute' : 'directories, links or attributes'} in ${dest}`] : []),
    ...(removed.length > 0 ? [`remove ${removed.length} ${removed.length === 1 ? 'entry' : 'entries'} from ${dest}`] : []),
  ]
  return parts.join(' and ')
}

/** A number of bytes for people. */
export function amount(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(1)} ${['', 'KiB', 'MiB', 'GiB'][power]}`
}

function shorten(lines: readonly string[]): string {
  const shown = lines.filter((line) => line !== '')
  return shown.slice(0, DIFF_LINES).map((line) => `${line}\n`).join('') + (shown.length > DIFF_LINES ? `and ${shown.length - DIFF_LINES} more\n` : '')
}
