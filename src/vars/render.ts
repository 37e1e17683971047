/** Documents made from the files under templates/, and from those that a project puts in their place. */
import { access } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { InputError } from '../errors.ts'
import { formatOf, type Format } from './formats.ts'
import { readText } from './load.ts'
import { TemplateEngine } from './template.ts'
import { TemplateProblem } from './template-syntax.ts'

const engines = new Map<Format, TemplateEngine>()

/**
 * Renders `<dir>/<name>.hbs` from the first of `dirs` that has it. The extension of `name` decides how values are written:
 * `.xml` escaped, `.sh` quoted for a POSIX shell, `.yaml`, `.yml` and `.json` as JSON, anything else as they are.
 *
 * `data` must be plain data; its functions and prototypes cannot be reached.
 * @throws InputError with the template's file, line and column.
 */
export async function renderTemplate(name: string, data: object, options: { readonly dirs: readonly string[] }): Promise<{ text: string; file: string }> {
  const file = await find(name, options.dirs)
  const source = await readText(file)
  const format = formatOf(extname(name))
  let engine = engines.get(format)
  if (!engine) engines.set(format, (engine = new TemplateEngine(format)))
  try {
    return { text: String(engine.compile(source)(own(data))), file }
  } catch (cause) {
    if (!(cause instanceof TemplateProblem)) throw cause
    const location = { file, ...(cause.line === undefined ? {} : { line: cause.line }), ...(cause.column === undefined ? {} : { column: cause.column }) }
    throw new InputError('template', `cannot render ${name}: ${cause.message}`, { location, hint: cause.hint, cause })
  }
}

async function find(name: string, dirs: readonly string[]): Promise<string> {
  if (name.startsWith('/') || name.split('/').includes('..')) throw new InputError('template-missing', `a template is named by its path below the templates directory, got ${name}`)
  for (const dir of dirs) {
    const file = join(dir, `${name}.hbs`)
    const there = await access(file).then(() => true, () => false)
    if (there) return file
  }
  throw new InputError('template-missing', `there is no template ${name}`, { hint: `looked for ${name}.hbs in ${dirs.join(', ')}` })
}

/** Own, plain data only: what is not data is left out, so that the template sees it as undefined. */
function own(value: unknown): object {
  return copy(value) as object
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  const result = Object.create(null) as Record<string, unknown>
  for (const [key, item] of Object.entries(value)) result[key] = copy(item)
  return result
}
