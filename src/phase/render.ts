/** Templates in the steps of a phase: compiled when the file is read, so that mistakes show early, and rendered with the machine's variables. */
import { FarmError, InputError, TaskError, type Location } from '../errors.ts'
import { concealAll } from '../secrets.ts'
import { currentKeyring } from '../vars/keyring.ts'
import { isMap, Secret, Tagged, Vaulted, type ValuePath } from '../vars/layer.ts'
import { isTemplate, TemplateEngine } from '../vars/template.ts'
import { TemplateProblem } from '../vars/template-syntax.ts'
import type { PhaseHands } from './types.ts'

const engine = new TemplateEngine('value')

/** Where a value at a path was written. */
export type Locate = (path: ValuePath) => Location | undefined

/** True when a value is, or holds, text that has to be rendered: its final form is not known yet. */
export function isOpen(value: unknown): boolean {
  if (typeof value === 'string') return isTemplate(value)
  if (value instanceof Tagged) return value instanceof Vaulted || (value instanceof Secret && isTemplate(value.text))
  return typeof value === 'object' && value !== null && Object.values(value).some(isOpen)
}

/**
 * Compiles all templates in a value.
 * @throws InputError `template` at the place of the value
 */
export function checkTemplates(value: unknown, path: ValuePath, locate: Locate): void {
  const text = value instanceof Secret ? value.text : value
  if (typeof text === 'string') {
    if (isTemplate(text)) located(text, path, locate, InputError, () => engine.compile(text))
  } else if (!(value instanceof Tagged) && typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) checkTemplates(item, [...path, Array.isArray(value) ? Number(key) : key], locate)
  }
}

/**
 * The value with all templates rendered; a template that is a lone expression keeps its type.
 * @throws TaskError `template`, `undefined-variable` at the place of the value
 */
export function renderValue(value: unknown, context: object, path: ValuePath, locate: Locate): unknown {
  if (typeof value === 'string') return isTemplate(value) ? located(value, path, locate, TaskError, () => engine.compile(value)(context)) : value
  if (value instanceof Vaulted) return concealed(currentKeyring().decrypt(value.text, value.location ?? locate(path)))
  if (value instanceof Secret) return concealed(renderValue(value.text, context, path, locate))
  if (value instanceof Tagged) return value.text
  if (Array.isArray(value)) return value.map((item, index) => renderValue(item, context, [...path, index], locate))
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renderValue(item, context, [...path, key], locate)]))
}

/** What templates see: the facts of the phase, then the machine's variables, each read when a template asks for it. */
export function templateContext({ phase, platform, target, project, hypervisorName, status, failure, vars }: PhaseHands): object {
  const facts: Readonly<Record<string, unknown>> = { phase, platform, target, project, hypervisorName, status, ...(failure !== undefined && { failure }) }
  return new Proxy(Object.create(null) as object, {
    has: (_target, name) => typeof name === 'string' && (Object.hasOwn(facts, name) || name in vars),
    get: (_target, name) => (typeof name === 'symbol' ? undefined : Object.hasOwn(facts, name) ? facts[name] : name in vars ? vars[name] : undefined),
    // Templates reach own properties alone.
    getOwnPropertyDescriptor(_target, name) {
      if (typeof name === 'symbol' || !(Object.hasOwn(facts, name) || name in vars)) return undefined
      return { configurable: true, enumerable: true, value: Object.hasOwn(facts, name) ? facts[name] : vars[name] }
    },
  })
}

function concealed(value: unknown): unknown {
  concealAll(value)
  return value
}

function located<T>(text: string, path: ValuePath, locate: Locate, Problem: typeof InputError | typeof TaskError, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof TemplateProblem) {
      const code = cause.message.endsWith('is not defined') ? 'undefined-variable' : 'template'
      throw new Problem(code, `${cause.message}; in ${JSON.stringify(text)}`, { location: locate(path), hint: cause.hint, cause })
    }
    if (cause instanceof FarmError || !(cause instanceof Error)) throw cause
    throw new Problem('template', `${cause.message}; in ${JSON.stringify(text)}`, { location: locate(path), cause })
  }
}
