/** An archive, unpacked on the host. */
import { stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { z } from 'zod'
import { InputError, TaskError } from '../errors.ts'
import { parseStat, posixQuote, sendFiles, STAT_FORMAT, type Host, type Stat } from '../host/index.ts'
import { expandPath } from '../paths.ts'
import { attributes, hostFile } from './arguments.ts'
import { attributeChanges, attributeSides, describeChanges, octal, ownership, setAttributes, type Attributes } from './attributes.ts'
import { localDigest } from './local-tree.ts'
import { primitive, type Ensured } from './primitive.ts'

/** By the end of a name: the program that has to be there, and how it writes the archive's tar stream to standard output. */
const FORMATS = [
  { name: /\.(tar\.gz|tgz)$/i, tool: 'gzip', decode: 'gzip -dc' },
  { name: /\.(tar\.xz|txz)$/i, tool: 'xz', decode: 'xz -dc' },
  { name: /\.(tar\.zst|tzst)$/i, tool: 'zstd', decode: 'zstd -dcq' },
  { name: /\.(tar\.bz2|tbz2?)$/i, tool: 'bzip2', decode: 'bzip2 -dc' },
  { name: /\.tar$/i, tool: 'tar', decode: 'cat' },
  { name: /\.(zip|jar|war)$/i, tool: 'unzip', decode: undefined },
] as const

const schema = z.strictObject({
  src: z.string().min(1).describe('the archive: .tar, .tar.gz, .tar.xz, .tar.zst, .tar.bz2 or .zip; on the controller, relative to the project, unless remote'),
  dest: hostFile.describe('absolute directory on the host to unpack into; made when it is missing'),
  remote: z.boolean().default(false).describe('src is an absolute path on the host'),
  creates: z.string().min(1).optional().describe('a path, absolute or relative to dest: nothing is done when it exists. Without it, a hidden file in dest remembers what was unpacked'),
  strip: z.int().nonnegative().default(0).describe('leading directories to leave out of the names in the archive'),
  ...attributes,
  mode: attributes.mode.describe('permissions of dest'),
})

/** Makes an archive's content be in a directory. What is in the archive replaces what is there; the rest stays. */
export const archive = primitive({
  name: 'archive',
  description: 'An archive, unpacked on the host.',
  schema,
  run: async ({ host, projectDir, signal }, { src, dest, remote, creates, strip, mode, owner, group }) => {
    const format = FORMATS.find(({ name }) => name.test(src))
    if (format === undefined) throw new InputError('archive-format', `${src} does not end like an archive that farm knows`, { hint: 'known are .tar, .tar.gz, .tar.xz, .tar.zst, .tar.bz2 and .zip' })
    if (remote && !src.startsWith('/')) throw new InputError('file-path', `a file on a host needs an absolute path, got ${src}`, { host: host.name })
    const source = remote ? posix.normalize(src) : expandPath(src, projectDir)
    const size = remote ? 0 : await localSize(source)
    const stamp = `${dest}/.farm-unpacked-${posix.basename(source).replace(/[^\w.-]/g, '_')}`
    const found = await look(host, { source, remote, dest, stamp, tool: format.tool, creates: creates === undefined ? '' : posix.resolve(dest, creates) })
    const wanted = { mode, owner, group }
    if (found.created) return ensureAttributes(host, dest, wanted, found.stat)
    const digest = remote ? found.digest : await localDigest(source, signal)
    const who = ownership(wanted)
    const mark = `sha256:${digest} strip=${strip}${who === undefined ? '' : ` owner=${who}`}`
    if (creates === undefined && found.stamp === mark) return ensureAttributes(host, dest, wanted, found.stat)
    if (!found.tool && !host.check) throw new TaskError('archive-tool', `${format.tool} is not installed, and ${posix.basename(source)} needs it`, { host: host.name, hint: `install the package ${format.tool === 'xz' ? 'xz or xz-utils' : format.tool}` })

    const unpack =
      format.decode === undefined
        ? 'unzip -q -o "$archive" -d tree'
        : `{ ${format.decode} < "$archive" || : > broken; } | tar -xpof - -C tree; ! [ -e broken ] || exit 1`
    // What is unpacked lies beside its place until it is complete. Top directories that are new are moved, others merged.
    const script = `
      archive=${remote ? posixQuote(source) : '0'}
      umask 022
      mkdir tree
      ${unpack}
      ${who === undefined ? '' : `chown -R ${posixQuote(who)} tree`}
      mkdir level
      find tree -mindepth ${strip + 1} -maxdepth ${strip + 1} -exec sh -c 'for each do
        name=\${each##*/}
        if [ -d "level/$name" ] && ! [ -L "$each" ]; then cp -af "$each/." "level/$name/"; else rm -rf "level/$name"; mv "$each" level/; fi
      done' sh {} +
      [ -n "$(ls -A level)" ] || { echo 'nothing is left to unpack' >&2; exit 1; }
      dest=$dir find level -mindepth 1 -maxdepth 1 -exec sh -c 'for each do
        place=$dest/\${each##*/}
        if [ -d "$place" ] && [ -d "$each" ] && ! [ -L "$each" ]; then cp -af "$each/." "$place/"
        elif [ -d "$place" ] && ! [ -L "$place" ]; then echo "$place is a directory" >&2; exit 1
        else if [ -L "$place" ]; then rm -f "$place"; fi; mv -f "$each" "$place"; fi
      done' sh {} +
      ${mode === undefined ? '' : `chmod ${octal(mode)} "$dir"`}
      ${who === undefined ? '' : `chown ${posixQuote(who)} "$dir"`}
      printf '%s\\n' ${posixQuote(mark)} > stamp
      ${creates === undefined ? `mv -f stamp ${posixQuote(stamp)}` : ''}
`
    await host.change({ summary: `unpack ${source} into ${dest}`, diff: { title: dest, before: found.stamp === '' ? '' : `${found.stamp}\n`, after: `${mark}\n` } }, ($) =>
      sendFiles($, host.name, { dir: dest, create: true, parcels: remote ? [] : [{ path: source, size }], script }),
    )
    return { changed: true }
  },
})

/** What was unpacked belongs to whom it did then; the directory itself is kept as it shall be. */
async function ensureAttributes(host: Host, dest: string, wanted: Attributes, stat: Stat | undefined): Promise<Ensured> {
  const changes = stat === undefined ? [] : attributeChanges(wanted, stat)
  if (changes.length === 0) return { changed: false }
  await host.change({ summary: describeChanges(dest, changes), diff: { title: dest, ...attributeSides(changes) } }, ($) => $`cd ${dest}; eval ${setAttributes(wanted, '.')}`)
  return { changed: true }
}

async function localSize(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isFile()) return stats.size
  throw new InputError('local-file', `there is no file ${path} on the controller`, { hint: 'remote: true means a file on the host' })
}

interface Sought {
  readonly source: string
  readonly remote: boolean
  readonly dest: string
  readonly stamp: string
  readonly tool: string
  /** `''` when nothing is asked for. */
  readonly creates: string
}

interface Found {
  /** What `creates` names is there. */
  readonly created: boolean
  readonly tool: boolean
  readonly stamp: string
  readonly digest: string
  /** Of the directory; undefined when it is not there. */
  readonly stat: Stat | undefined
}

async function look(host: Host, { source, remote, dest, stamp, tool, creates }: Sought): Promise<Found> {
  const output = await host.query({ nothrow: true })`
    creates=${creates} source=${source} stamp=${stamp} dest=${dest}
    if [ -d "$dest" ]; then stat -L -c ${STAT_FORMAT} "$dest"; else echo; fi
    if [ -n "$creates" ] && { [ -e "$creates" ] || [ -L "$creates" ]; }; then echo created; exit 0; fi
    if [ -e "$dest" ] && ! [ -d "$dest" ]; then echo "$dest is not a directory" >&2; exit 1; fi
    command -v ${tool} > /dev/null && echo tool || echo none
    if [ -f "$stamp" ]; then head -n 1 "$stamp"; else echo; fi
    if ${remote} && [ -e "$source" ]; then sha256sum < "$source"; elif ${remote}; then exit 44; fi`
  if (output.exitCode === 44 && !host.check) throw new TaskError('file-missing', `there is no archive ${source}`, { host: host.name })
  if (output.exitCode !== 0 && output.exitCode !== 44) throw new TaskError('archive-failed', `cannot unpack ${source}: ${output.stderr.trim().split('\n')[0]}`, { host: host.name })
  const [stat = '', first = '', mark = '', digest = ''] = output.stdout.split('\n')
  return { created: first === 'created', tool: first === 'tool', stamp: mark, digest: digest.split(' ')[0] ?? '', stat: parseStat(stat) }
}
