/** The tree that `ansible-inventory --graph` draws. */
import { MASK } from '../secrets.ts'
import { Tagged, Vaulted } from '../vars/layer.ts'
import { hostsOf, type Choice } from './json.ts'
import type { Group } from './model.ts'

/** What the tree shows beside names. */
export interface GraphContents {
  readonly chosen: Choice
  /** The variables to show below a host and a group; none when left out. */
  readonly hostVars?: ((host: string) => Readonly<Record<string, unknown>>) | undefined
  readonly groupVars?: ((group: Group) => Readonly<Record<string, unknown>>) | undefined
}

/** Lines without an end: `@web:`, `  |--@db:`, `  |  |--db1`, `  |  |  |--{port = 22}`. */
export function graphLines(root: Group, contents: GraphContents): string[] {
  const lines: string[] = []
  const put = (text: string, depth: number): void => {
    lines.push(depth === 0 ? text : `  ${'|  '.repeat(depth - 1)}|--${text}`)
  }
  const putVars = (vars: Readonly<Record<string, unknown>> | undefined, depth: number): void => {
    for (const key of Object.keys(vars ?? {}).sort(byCodePoint)) put(`{${key} = ${asText(vars?.[key])}}`, depth)
  }
  const visit = (group: Group, depth: number): void => {
    put(`@${group.name}:`, depth)
    for (const child of group.children) visit(child, depth + 1)
    for (const host of group.name === 'all' ? [] : hostsOf(group, contents.chosen)) {
      put(host, depth + 1)
      putVars(contents.hostVars?.(host), depth + 2)
    }
    putVars(contents.groupVars?.(group), depth + 1)
  }
  visit(root, 0)
  return lines
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A value as Python's `str` writes it, which is what people know from this tree. */
function asText(value: unknown): string {
  if (value instanceof Vaulted) return MASK
  if (value instanceof Tagged) return value.text
  return typeof value === 'string' ? value : asLiteral(value)
}

function asLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return (Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value)).replace(/e([-+])(\d)$/, 'e$10$2')
  if (typeof value === 'string' || value instanceof Tagged) return quoted(asText(value))
  if (Array.isArray(value)) return `[${value.map(asLiteral).join(', ')}]`
  return `{${Object.entries(value).map(([key, item]) => `${quoted(key)}: ${asLiteral(item)}`).join(', ')}}`
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const body = text.replace(/[\u0000-\u001f\u007f\\]/g, (char) => NAMED[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return quote + (quote === "'" ? body.replaceAll("'", "\\'") : body) + quote
}
