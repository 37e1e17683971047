/** A file made from a Handlebars template of the controller. */
import { basename, dirname, isAbsolute } from 'node:path'
import { z } from 'zod'
import { renderTemplate } from '../vars/index.ts'
import { attributes, hostFile, validate } from './arguments.ts'
import { ensureContent } from './content.ts'
import { primitive } from './primitive.ts'

const schema = z.strictObject({
  src: z.string().min(1).describe('the template: a path below a templates directory or below the project, with or without .hbs; the ending before it decides how values are quoted'),
  dest: hostFile.describe('absolute path of the file on the host'),
  data: z.record(z.string(), z.unknown()).optional().describe('what the template sees; all variables of the host when not given'),
  validate,
  ...attributes,
})

/** Makes a file be what a template renders to. */
export const template = primitive({
  name: 'template',
  description: 'A file made from a Handlebars template of the controller.',
  schema,
  run: async ({ host, templateDirs, projectDir, variables }, { src, dest, data, ...rest }) => {
    const plain = src.replace(/\.hbs$/, '').replace(/^(\.\/)+/, '')
    const [name, dirs] = isAbsolute(plain) ? [basename(plain), [dirname(plain)]] : [plain, [...templateDirs, projectDir]]
    const { text } = await renderTemplate(name, data ?? variables, { dirs })
    return ensureContent(host, { ...rest, path: dest, content: () => Buffer.from(text) })
  },
})
