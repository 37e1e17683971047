/** A file's content and attributes: read, compared, and written in one go. What file, template, line and block have in common. */
import { createHash } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { TaskError } from '../errors.ts'
import { readEntry, writeState, type Entry, type Host } from '../host/index.ts'
import { attributeChanges, attributeSides, describeChanges, ownership, type Attributes } from './attributes.ts'
import type { Ensured } from './primitive.ts'

/** Bytes up to which a file's content is shown in a diff. */
const SHOWN = 1 << 20

/** What a new file gets when no mode is given. */
const NEW_MODE = 0o644

/** What shall hold of a file. */
export interface WantedContent extends Attributes {
  readonly path: string
  /** What the file shall contain, given what it contains (undefined: there is none); undefined for what it has. May throw. */
  readonly content: (before: Buffer | undefined, entry: Entry | undefined) => Buffer | undefined
  /** Bytes up to which the present content is read; of a larger file only its digest. */
  readonly limit?: number
  readonly validate?: string | undefined
  /** What to call a change of the content; `write /path` when undefined. */
  readonly summary?: string | undefined
}

/** Makes it so. A file's mode and owner stay what they are where nothing else is wanted. */
export async function ensureContent(host: Host, { path, content, limit = SHOWN, validate, summary, ...wanted }: WantedContent): Promise<Ensured> {
  const entry = await readEntry(host, path, limit)
  if (entry !== undefined && entry.type !== 'file') throw new TaskError('file-type', `${path} is ${entry.type === 'directory' ? 'a directory' : 'no regular file'}`, { host: host.name, hint: 'remove it first, if it may go' })
  const after = content(entry?.content, entry)
  const different = after !== undefined && (entry === undefined || !equal(entry, after))
  const attributes = entry === undefined ? [] : attributeChanges(wanted, entry)
  if (!different && attributes.length === 0) return { changed: false }

  if (!different) {
    await host.change({ summary: describeChanges(path, attributes), diff: { title: path, ...attributeSides(attributes) } }, ($) => setAttributesOf($, host, path, wanted))
    return { changed: true }
  }
  const owner = entry === undefined ? ownership(wanted) : `${wanted.owner ?? entry.uid}:${wanted.group ?? entry.gid}`
  const told = [summary ?? (entry === undefined ? `create ${path}` : `write ${path}`), ...(attributes.length > 0 ? [describeChanges(path, attributes)] : [])]
  await host.change({ summary: told.join(' and '), diff: { title: path, ...sides(entry, after) } }, ($) =>
    writeState($, host.name, path, after, { mode: wanted.mode ?? entry?.mode ?? NEW_MODE, owner, validate }),
  )
  return { changed: true }
}

/** Sets what is wanted on a path that exists. */
export async function setAttributesOf($: Host['query'], host: Host, path: string, wanted: Attributes): Promise<void> {
  const output = await $({ nothrow: true })`
    path=${path} owner=${ownership(wanted) ?? ''} mode=${wanted.mode?.toString(8) ?? ''}
    [ -z "$owner" ] || chown "$owner" "$path"
    [ -z "$mode" ] || chmod "$mode" "$path"`
  if (output.exitCode !== 0) throw new TaskError('file-attributes', `cannot set mode or owner of ${path}: ${output.stderr.trim().split('\n')[0]}`, { host: host.name })
}

function equal(entry: Entry, after: Buffer): boolean {
  if (entry.content !== undefined) return entry.content.equals(after)
  return entry.size === after.length && entry.sha256 === sha256(after)
}

/** The two sides of a diff: text as it is; of anything else its size and digest. */
function sides(entry: Entry | undefined, after: Buffer): { before: string; after: string } {
  const readable = (entry === undefined || (entry.content !== undefined && isText(entry.content))) && isText(after)
  if (readable) return { before: entry?.content?.toString() ?? '', after: after.toString() }
  const before = entry === undefined ? '' : `${entry.size} bytes, sha256 ${entry.sha256 ?? (entry.content === undefined ? '?' : sha256(entry.content))}\n`
  return { before, after: `${after.length} bytes, sha256 ${sha256(after)}\n` }
}

function isText(bytes: Buffer): boolean {
  return bytes.length <= SHOWN && !bytes.includes(0) && isUtf8(bytes)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
