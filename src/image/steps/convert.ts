/** Step convert: another format of the image. */
import { z } from 'zod'
import { InputError, TaskError } from '../../errors.ts'
import { imageFormat } from '../format.ts'
import { during } from '../transfer.ts'
import { current, headerOf } from './files.ts'
import { imageStep, type StepContext } from './types.ts'

const FORMATS = ['qcow2', 'raw', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qed', 'qcow'] as const

export const convert = imageStep({
  name: 'convert',
  description: "Converts the image to another format. The last step's image becomes qcow2 anyhow.",
  args: z.strictObject({
    from: z.enum(FORMATS).optional().describe('its format; found out by default, which cannot tell a VHD of fixed size from a raw image'),
    to: z.enum(['qcow2', 'raw']).describe('its new format'),
  }),
  version: 1,
  programs: () => ['qemu-img'],
  async run(context, { from, to }) {
    const { host, $, path, state, watch } = context
    const { file, format } = from === undefined ? current(context) : { file: state.file ?? current(context).file, format: from }
    if (format === to) return {}
    await checkAlone(context, file, format)
    const result = `${file.replace(/\.(qcow2?|img|raw|vmdk|vdi|vhdx?|vpc|qed)$/i, '')}.${to}`
    const target = result === file ? `${file}.new` : result
    watch.progress(`converting ${file} to ${to}`)
    const { exitCode, stderr } = await during($({ nothrow: true })`qemu-img convert -f ${format} -O ${to} ${path(file)} ${path(target)}`, async () => undefined, watch.signal)
    if (exitCode !== 0) throw new TaskError('image-format', `qemu-img cannot read ${file} as ${format}`, { host: host.name, details: stderr.trim().split('\n') })
    if (target === result) await $`rm -f -- ${path(file)}`
    else await $`mv -f -- ${path(target)} ${path(result)}`
    return { file: result, format: to }
  },
})

/** An image may name other files of the hypervisor, to which its guests then could read: it has to consist of its own file alone. */
export async function checkAlone({ host, path }: Pick<StepContext, 'host' | 'path'>, file: string, format: string): Promise<void> {
  if (format === 'raw') return
  if (format === 'qcow2') return void imageFormat(await headerOf(host, path(file)), file)
  const info = await host.query({ nothrow: true })`qemu-img info -f ${format} --output=json ${path(file)}`
  if (info.exitCode !== 0) throw new TaskError('image-format', `qemu-img cannot read ${file} as ${format}`, { host: host.name, details: info.stderr.trim().split('\n') })
  const found = JSON.parse(info.stdout) as { 'backing-filename'?: string; 'format-specific'?: { data?: { extents?: readonly { filename?: string }[] } } }
  const others = [found['backing-filename'], ...(found['format-specific']?.data?.extents ?? []).map(({ filename }) => filename)].filter((name) => name !== undefined && name !== path(file))
  if (others.length > 0) throw new InputError('image-backing', `${file} reads another file of the hypervisor: ${others.join(', ')}`, { host: host.name, hint: 'make it one file where it was made' })
}
