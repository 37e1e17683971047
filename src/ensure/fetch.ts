/** Copies a file or a directory of the host to the controller. */
import { lstat, mkdir, readlink, realpath, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join, posix } from 'node:path'
import { z } from 'zod'
import { InputError, TaskError } from '../errors.ts'
import { byteSink, type Host } from '../host/index.ts'
import { expandPath } from '../paths.ts'
import { hostPath } from './arguments.ts'
import { octal } from './attributes.ts'
import { amount } from './copy-tree.ts'
import { LIST, readListing, type Listed } from './listing.ts'
import { directoryWithin, ensureLocalMode, localDigest } from './local-tree.ts'
import { primitive } from './primitive.ts'
import { receiveFiles } from './receive.ts'

const schema = z.strictObject({
  src: hostPath.describe('absolute path of a file or directory on the host; a directory with a slash at its end stands for what is in it'),
  dest: z.string().min(1).describe('path on the controller, relative to the project; with a slash at its end, the directory that the copy goes into. Several hosts need different ones'),
  links: z.enum(['keep', 'skip']).default('keep').describe('what becomes of links in a directory; those that lead out of it are refused unless skipped'),
})

/** Makes a file or a tree on the controller be what it is on the host. Only what differs is fetched. */
export const fetch = primitive({
  name: 'fetch',
  description: 'A file or a directory of the host, copied to the controller.',
  schema,
  run: async ({ host, projectDir, signal }, { src, dest, links }) => {
    const tree = await remoteTree(host, src)
    if (tree === undefined) {
      // An earlier task would have made it.
      await host.change({ summary: `fetch ${src}` }, () => Promise.resolve())
      return { changed: true }
    }
    const { base, entries } = tree
    const whole = entries[0]?.type === 'directory'
    const into = whole ? !src.endsWith('/') : dest.endsWith('/')
    const target = join(expandPath(dest, projectDir), into ? posix.basename(src) : '.')
    const chosen = entries.filter(({ type }) => type !== 'link' || links === 'keep')
    for (const entry of chosen) refuseUnsafe(host, entry)

    const missing: Listed[] = []
    const lines: string[] = []
    for (const entry of chosen) {
      const { local, same } = await compare(join(target, entry.path), entry, signal)
      if (same) continue
      missing.push(entry)
      lines.push(`${entry.path || basename(target)}${entry.type === 'directory' ? '/' : ''} ${octal(entry.mode & 0o777)} ${entry.size} bytes${local ? '' : ' (new)'}`)
    }
    if (missing.length === 0) return { changed: false }
    const files = missing.filter(({ type }) => type === 'file')
    const size = files.reduce((sum, file) => sum + file.size, 0)
    const summary = files.length === 0 ? `set directories, links or modes in ${target}` : `fetch ${whole ? `${files.length} ${files.length === 1 ? 'file' : 'files'} of ${src}` : src} to ${target} (${amount(size)})`
    await host.change({ summary, diff: { title: target, before: '', after: lines.slice(0, 500).map((line) => `${line}\n`).join('') } }, () => locally(target, async () => {
      await mkdir(whole ? target : dirname(target), { recursive: true })
      // The user may have put the destination behind a link; nothing below it may be one.
      const root = await realpath(whole ? target : dirname(target))
      const place = (entry: Listed): string => (whole ? join(root, entry.path) : join(root, basename(target)))
      const parent = (entry: Listed): Promise<void> => directoryWithin(root, whole && entry.path.includes('/') ? dirname(entry.path) : '')
      for (const entry of missing) if (entry.type === 'directory') await directoryWithin(root, entry.path)
      for (const file of files) await parent(file)
      await receiveFiles(host, base, files, place, signal)
      for (const entry of missing) {
        if (entry.type !== 'link') continue
        await parent(entry)
        await rm(place(entry), { force: true })
        await symlink(entry.target ?? '', place(entry))
      }
      // Last and from below, so that a directory without write permission can be filled.
      for (const entry of missing.toReversed()) if (entry.type === 'directory') await ensureLocalMode(place(entry), entry.mode & 0o777)
    }))
    return { changed: true }
  },
})

/** Says of what the controller's file system refuses that it is no defect. */
async function locally(target: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw new InputError('local-file', `cannot write to ${target} on the controller: ${cause.message}`, { cause })
  }
}

/** What is to be fetched, parents first, with paths relative to `base`'s root: `''` is the root itself. Undefined where there is none, in check mode. */
async function remoteTree(host: Host, src: string): Promise<{ base: string; entries: Listed[] } | undefined> {
  const { sink, bytes } = byteSink()
  const output = await host.queryInto(sink)({ nothrow: true })`
    src=${src}
    [ -e "$src" ] || exit 44
    if [ -d "$src" ]; then cd "$src"; find . -print0 | xargs -0 sh -c ${LIST} sh
    else
      src=$(readlink -f "$src")
      cd "\${src%/*}/"
      sh -c ${LIST} sh "./\${src##*/}"
    fi`
  if (output.exitCode === 44 && host.check) return undefined
  if (output.exitCode === 44) throw new TaskError('file-missing', `there is no ${src}`, { host: host.name })
  if (bytes().length === 0 && output.exitCode !== 0) throw new TaskError('file-read', `cannot read ${src}: ${output.stderr.trim().split('\n')[0]}`, { host: host.name })
  const entries = readListing(bytes(), host.name, output.stderr)
  if (entries[0]?.type !== 'directory') return { base: src, entries: entries.map((entry) => ({ ...entry, path: '' })) }
  return { base: src, entries: entries.map((entry) => ({ ...entry, path: entry.path.replace(/^\.(\/|$)/, '') })) }
}

/** The host is not trusted with paths of the controller. */
function refuseUnsafe(host: Host, { path, type, target = '' }: Listed): void {
  const out = (name: string): boolean => name.startsWith('/') || posix.normalize(name).split('/')[0] === '..'
  if (out(path) || path.split('/').includes('..')) throw new TaskError('fetch-path', `${JSON.stringify(path)} leads out of the destination`, { host: host.name })
  if (type === 'other') throw new TaskError('fetch-path', `${path} is neither a file nor a directory nor a link, and cannot be fetched`, { host: host.name })
  if (type === 'link' && (out(target) || out(posix.join(posix.dirname(path), target)))) {
    throw new TaskError('fetch-link', `the link ${path} leads out of what is fetched, to ${target}`, { host: host.name, hint: "links: 'skip' leaves links out" })
  }
}

/** Whether the controller has the same already. */
async function compare(path: string, entry: Listed, signal: AbortSignal): Promise<{ local: boolean; same: boolean }> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined) return { local: false, same: false }
  const mode = (stats.mode & 0o777) === (entry.mode & 0o777)
  if (entry.type === 'directory') return { local: true, same: stats.isDirectory() ? mode : entry.path === '' }
  if (entry.type === 'link') return { local: true, same: stats.isSymbolicLink() && (await readlink(path)) === entry.target }
  return { local: true, same: stats.isFile() && mode && stats.size === entry.size && (await localDigest(path, signal)) === entry.sha256 }
}
