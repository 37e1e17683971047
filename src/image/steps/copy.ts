/** Step copy: another name for a file, which becomes the image. */
import { posix } from 'node:path'
import { z } from 'zod'
import { asImage, stageFile } from './files.ts'
import { imageStep } from './types.ts'

export const copy = imageStep({
  name: 'copy',
  description: 'Copies a file that the steps before have made; the copy is the image from then on.',
  args: z.strictObject({
    src: stageFile.describe('the file, relative to the stage directory'),
    dest: stageFile.describe('its copy'),
  }),
  version: 1,
  async run(context, { src, dest }) {
    const to = context.path(dest)
    if (posix.normalize(src) !== posix.normalize(dest)) await context.$`mkdir -p -- ${posix.dirname(to)}; cp -- ${context.path(src)} ${to}`
    return asImage(context, dest)
  },
})
