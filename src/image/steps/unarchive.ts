/** Step unarchive: a compressed image, or an image in an archive. */
import { posix } from 'node:path'
import { z } from 'zod'
import { InputError, TaskError } from '../../errors.ts'
import { during } from '../transfer.ts'
import { asImage, kindOf, stageFile, type Packing } from './files.ts'
import { imageStep, type StepContext } from './types.ts'

/** Programs that unpack to standard output, by what the file is. */
const DECODERS: Readonly<Record<Exclude<Packing, 'zip' | 'tar'>, readonly string[]>> = { gz: ['gzip', '-dc'], bz2: ['bzip2', '-dc'], xz: ['xz', '-dc'], zst: ['zstd', '-dcq'] }
const SUFFIX = /\.(gz|bz2|xz|zst)$/i
const TARBALL = /\.(tar(\.(gz|bz2|xz|zst))?|tgz|tbz2?|txz|tzst)$/i
/** Names of disk images, to choose the one in an archive. */
const IMAGE = /\.(qcow2|img|raw|vmdk|vdi|vhdx?|ova)$/i

const args = z.strictObject({
  src: stageFile.optional().describe('the compressed file or archive; by default the file of the step before'),
  dest: stageFile.optional().describe("the unpacked file; of an archive, the directory to unpack into. By default the name without its ending, or the archive's place"),
})

export const unarchive = imageStep({
  name: 'unarchive',
  description: 'Unpacks a compressed image (gz, bz2, xz, zst), or the files of an archive (tar, zip).',
  args,
  version: 1,
  programs: ({ src }) => (src === undefined ? [] : /\.zip$/i.test(src) ? ['unzip'] : TARBALL.test(src) ? ['tar'] : []),
  async run(context, { src = context.state.file, dest }) {
    if (src === undefined) throw new InputError('image-missing', 'there is nothing to unpack', { hint: 'name it with src' })
    const kind = await kindOf(context.host, context.path(src))
    if (!('packed' in kind)) throw new InputError('image-archive', `${src} is neither compressed nor an archive that farm knows`, { host: context.host.name, hint: 'known are gz, bz2, xz, zst, tar (also compressed by these) and zip' })
    const { packed } = kind
    if (packed === 'zip') return unpack(context, src, dest ?? posix.dirname(src), zip)
    if (packed === 'tar') return unpack(context, src, dest ?? posix.dirname(src), tar)
    // What is in it shows only without its packing.
    const plain = TARBALL.test(src) ? `${src}.tar` : (dest ?? (SUFFIX.test(src) ? src.replace(SUFFIX, '') : `${src}.unpacked`))
    await decode(context, packed, src, plain)
    const inner = await kindOf(context.host, context.path(plain))
    if (!('packed' in inner) || inner.packed !== 'tar') return asImage(context, plain)
    // A directory may have to stand where the tar stream is.
    const stream = `${plain}.stream.tar`
    await context.$`mv -- ${context.path(plain)} ${context.path(stream)}`
    const state = await unpack(context, stream, dest ?? posix.dirname(src), tar)
    await context.$`rm -f -- ${context.path(stream)}`
    return state
  },
})

async function decode(context: StepContext, packed: keyof typeof DECODERS, src: string, dest: string): Promise<void> {
  const { $, path, watch } = context
  watch.progress(`unpacking ${posix.basename(src)}`)
  const [program = ''] = DECODERS[packed]
  await need(context, program)
  const to = path(dest)
  const result = await during($({ nothrow: true })`mkdir -p -- ${posix.dirname(to)}; ${DECODERS[packed]} < ${path(src)} > ${`${to}.new`} && mv -f -- ${`${to}.new`} ${to}`, async () => undefined, watch.signal)
  if (result.exitCode !== 0) throw new TaskError('image-archive', `${src} cannot be unpacked: ${result.stderr.trim().split('\n').at(-1) ?? ''}`, { host: context.host.name })
  // Most of a raw disk is zeros.
  await $({ nothrow: true })`fallocate -d ${to} 2>/dev/null`
}

/** How the names in an archive are listed, with the letter of their type in front, and how it is unpacked in the present directory. */
interface Archiver {
  readonly program: string
  list(context: StepContext, file: string): Promise<readonly Member[]>
  extract(context: StepContext, file: string, dir: string): Promise<unknown>
}
interface Member {
  readonly type: string
  readonly name: string
}

const tar: Archiver = {
  program: 'tar',
  async list({ host }, file) {
    // Two listings of the same order: one has the types, the other the bare names.
    const types = (await host.query`tar -tvf ${file} | cut -c 1`).stdout.split('\n')
    return (await host.query`tar -tf ${file}`).stdout.split('\n').filter(Boolean).map((name, index) => ({ type: types[index] ?? '?', name }))
  },
  extract: ({ $ }, file, dir) => $`cd ${dir}; tar -xof ${file}`,
}

const zip: Archiver = {
  program: 'unzip',
  async list({ host }, file) {
    const types = (await host.query`unzip -Z -s -h-t ${file} 2>/dev/null || unzip -Z -s ${file}`).stdout.split('\n').map((line) => line.charAt(0)).filter((letter) => /[-dlbcps?]/.test(letter))
    return (await host.query`unzip -Z1 ${file}`).stdout.split('\n').filter(Boolean).map((name, index) => ({ type: types[index] === '?' ? '-' : (types[index] ?? '?'), name }))
  },
  extract: ({ $ }, file, dir) => $`cd ${dir}; unzip -q -o ${file}`,
}

/** Unpacks an archive in a directory of the stage. The image is what it holds, or what is named like one among it. */
async function unpack(context: StepContext, src: string, dir: string, archiver: Archiver): Promise<{ file: string | undefined; format: string | undefined }> {
  const { host, $, path, stage, watch } = context
  watch.progress(`unpacking ${posix.basename(src)}`)
  await need(context, archiver.program)
  const members = await archiver.list(context, path(src))
  const bad = members.find(({ type, name }) => name.startsWith('/') || name.split('/').includes('..') || (type !== '-' && type !== 'd'))
  if (bad !== undefined) {
    const what = bad.type === '-' || bad.type === 'd' ? 'leads out of the directory' : 'is neither a file nor a directory'
    throw new InputError('image-archive', `${posix.basename(src)} is not unpacked: ${JSON.stringify(bad.name)} in it ${what}`, { host: host.name, hint: 'farm unpacks only archives that stay where they are put' })
  }
  const place = dir === '.' ? stage : path(dir)
  await $`mkdir -p -- ${place}`
  await archiver.extract(context, path(src), place)
  const files = members.filter(({ type }) => type === '-').map(({ name }) => posix.normalize(posix.join(dir, name)))
  const images = files.length === 1 ? files : files.filter((name) => IMAGE.test(name))
  const [only] = images
  return only !== undefined && images.length === 1 ? asImage(context, only) : { file: undefined, format: undefined }
}

async function need({ host }: StepContext, program: string): Promise<void> {
  const { exitCode } = await host.query({ nothrow: true })`command -v ${program}`
  if (exitCode !== 0) throw new TaskError('program-missing', `unpacking needs ${program}`, { host: host.name, hint: `install the package ${program === 'xz' ? 'xz-utils' : program}` })
}
