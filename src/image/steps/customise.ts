/** Step customise: packages, files and commands in an image that is not running. */
import { createHash, scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { posix, resolve } from 'node:path'
import { z } from 'zod'
import { InputError, TaskError } from '../../errors.ts'
import { kernelArch } from '../arch.ts'
import { during } from '../transfer.ts'
import { checkAlone } from './convert.ts'
import { hasBareExt4, writeToExt4 } from './ext4.ts'
import { current, unshare } from './files.ts'
import { imageStep, type StepContext } from './types.ts'

const guestPath = z.string().regex(/^\/[^\0-\x1f"\\]*[^\0-\x1f"\\/]$/, { message: 'expected an absolute path in the guest, without quotes' }).refine((path) => !path.split('/').includes('..'), { message: 'expected a path without ..' })
const line = z.string().min(1).regex(/^[^\0\n\r]+$/, { message: 'expected one line' })
const file = z
  .strictObject({
    path: guestPath.describe('where it shall be in the guest'),
    content: z.string().optional().describe('its text'),
    src: z.string().min(1).optional().describe('a file on the controller, relative to the file in which the step is written'),
    mode: z.string().regex(/^0?[0-7]{3}$/, { message: "expected permissions such as '0644'" }).default('0644').describe('permissions, in quotes'),
  })
  .refine(({ content, src }) => (content === undefined) !== (src === undefined), { message: 'expected either content or src' })

const args = z.strictObject({
  packages: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, { message: 'expected the name of a package' })).default([]).describe('packages to install'),
  files: z.array(file).default([]).describe('files to write'),
  commands: z.array(line).default([]).describe('shell commands that run in the image, after the rest'),
  root_password: line.optional().describe("root's password").meta({ secret: true }),
  timezone: z.string().regex(/^[A-Za-z][\w+/-]*$/, { message: 'expected a time zone such as Europe/Rome' }).optional().describe('time zone'),
})
type Args = z.output<typeof args>

/** Whether there is more to do than to write files, which needs nobody's help in an image that is one file system. */
function needsHelp({ packages, commands, root_password, timezone }: Args): boolean {
  return packages.length > 0 || commands.length > 0 || root_password !== undefined || timezone !== undefined
}

export const customise = imageStep({
  name: 'customise',
  description: 'Changes what is in the image while nothing runs it: packages, files, commands, the password of root.',
  args,
  version: 1,
  programs: (given) => (needsHelp(given) ? ['virt-customize'] : []),
  content: ({ root_password, files, ...rest }, _arch, baseDir) => ({
    ...rest,
    files: files.map(({ src, content, ...file }) => ({ ...file, content: createHash('sha256').update(src === undefined ? (content ?? '') : read(src, baseDir)).digest('hex') })),
    // A key is seen by everybody: what is in it must not be a way to guess the password.
    ...(root_password !== undefined && { root_password: scryptSync(root_password, 'farm image', 16).toString('hex') }),
  }),
  async run(context, given) {
    const { file, format } = current(context)
    await checkAlone(context, file, format)
    if (!needsHelp(given) && given.files.length === 0) return
    const files = given.files.map(({ path, content, src, mode }) => ({ path, mode: Number.parseInt(mode, 8), content: src === undefined ? Buffer.from(content ?? '') : read(src, context.baseDir) }))
    if (!needsHelp(given) && (await hasBareExt4(context, file, format))) return writeToExt4(context, file, format, files)
    await unshare(context, context.path(file))
    await virtCustomize(context, file, format, given, files)
  },
})

/** By libguestfs. All that it is told is in files that only the present user can read: arguments are seen by every user of the host. */
async function virtCustomize(context: StepContext, file: string, format: string, given: Args, files: readonly { path: string; mode: number; content: Uint8Array }[]): Promise<void> {
  const { host, $, path, watch, arch } = context
  const found = (await host.query({ nothrow: true })`command -v virt-customize; uname -m`).stdout.trim().split('\n')
  const own = kernelArch(found.pop() ?? '')
  if (found.length === 0) throw new TaskError('program-missing', 'customising this image needs virt-customize', { host: host.name, hint: 'install it, e.g. apt-get install libguestfs-tools' })
  if ((given.packages.length > 0 || given.commands.length > 0) && own !== kernelArch(arch)) throw new InputError('image-arch', `packages and commands of ${arch} cannot be run in an image on ${own}`, { host: host.name, hint: 'install them in a phase of the guest; a built image gets its packages from its step build' })
  const dir = path('customise')
  await $`rm -rf -- ${dir}; mkdir -m 700 -- ${dir}`
  const lines: string[] = []
  if (given.timezone !== undefined) lines.push(`timezone ${given.timezone}`)
  if (given.packages.length > 0) lines.push(`install ${given.packages.join(',')}`)
  for (const [index, { path: target, mode, content }] of files.entries()) {
    const local = posix.join(dir, String(index))
    await host.writeFile(local, content, { mode: 0o600 })
    lines.push(`mkdir ${posix.dirname(target)}`, `upload ${local}:${target}`, `chmod 0${mode.toString(8)}:${target}`)
  }
  if (given.root_password !== undefined) {
    await host.writeFile(posix.join(dir, 'password'), `${given.root_password}\n`, { mode: 0o600 })
    lines.push(`root-password file:${posix.join(dir, 'password')}`)
  }
  lines.push(...given.commands.map((command) => `run-command ${command}`))
  await host.writeFile(posix.join(dir, 'commands'), `${lines.join('\n')}\n`, { mode: 0o600 })
  const started = Date.now()
  const tell = async (): Promise<void> => watch.progress(`customising the image (${Math.round((Date.now() - started) / 1000)} s)`)
  const run = $({ nothrow: true, env: { LIBGUESTFS_BACKEND: 'direct' } })`virt-customize --format ${format} -a ${path(file)} --commands-from-file ${posix.join(dir, 'commands')} </dev/null`
  const result = await during(run, tell, watch.signal)
  await $`rm -rf -- ${dir}`
  if (result.exitCode !== 0) {
    const details = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-20)
    throw new TaskError('image-customise', `the image could not be customised: ${details.findLast((text) => /error/i.test(text)) ?? 'virt-customize failed'}`, { host: host.name, hint: 'LIBGUESTFS_DEBUG=1 LIBGUESTFS_TRACE=1 libguestfs-test-tool, run on the host, tells whether libguestfs works there', details })
  }
}

function read(src: string, baseDir: string): Uint8Array {
  const file = resolve(baseDir, src)
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new InputError('local-file', `there is no file ${file} on the controller`, { cause })
  }
}
