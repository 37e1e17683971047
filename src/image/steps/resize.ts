/** Step resize: a larger disk. */
import { z } from 'zod'
import { InputError } from '../../errors.ts'
import { parseSize } from '../../size.ts'
import { checkAlone } from './convert.ts'
import { current, unshare } from './files.ts'
import { growPartition, virtualSize } from './size.ts'
import { imageStep } from './types.ts'

export const resize = imageStep({
  name: 'resize',
  description: 'Lets the disk, and a partition on it, be larger. The file system in it is left to the guest.',
  args: z.strictObject({
    size: z.union([z.string(), z.number()]).refine((size) => (parseSize(String(size)) ?? 0) > 0, { message: 'expected a size such as 10G' }).describe('of the disk, as the guest sees it; never smaller than it is'),
    partition: z.int().min(1).max(128).optional().describe('the number of the partition that takes the new room; the last one on the disk'),
  }),
  version: 1,
  programs: ({ partition }) => ['qemu-img', ...(partition === undefined ? [] : ['sfdisk', 'qemu-io'])],
  async run(context, { size, partition }) {
    const { file, format } = current(context)
    if (format !== 'qcow2' && format !== 'raw') throw new InputError('image-format', `${file} is ${format}, which is not resized`, { host: context.host.name, hint: 'put a step convert before it' })
    const path = context.path(file)
    await checkAlone(context, file, format)
    await unshare(context, path)
    const wanted = Math.ceil((parseSize(String(size)) ?? 0) / 512) * 512
    const now = await virtualSize(context, file, format)
    if (wanted < now) throw new InputError('image-shrink', `${file} has ${now} bytes and is not made smaller (${wanted})`, { host: context.host.name, hint: 'farm never shrinks a disk, for it cannot know what is at its end' })
    if (wanted > now) await context.$`qemu-img resize -q -f ${format} ${path} ${wanted}`
    if (partition !== undefined) await growPartition(context, file, format, partition)
  },
})
