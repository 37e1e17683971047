/**
 * Data as block YAML that every parser reads alike, those for version 1.1 included: whatever one of them could take for something else
 * than text is quoted as JSON quotes it.
 */
import { isMap, Tagged, Vaulted } from '../vars/layer.ts'

/** Text that is text to all parsers, without quotes. */
const SAFE = /^[A-Za-z_/][\w./-]*(?: [\w./-]+)*$/
const RESERVED = /^(?:true|false|yes|no|on|off|y|n|null|none)$/i

/** A document, with a newline at its end. */
export function yamlText(value: unknown): string {
  return `${block(value, 0).trimStart()}\n`
}

/** What follows `key:` or `-`: a blank and a scalar, or lines of their own. */
function block(value: unknown, depth: number): string {
  const indent = '  '.repeat(depth)
  if (value instanceof Vaulted) return ` !vault |\n${value.text.trimEnd().split('\n').map((line) => `${indent || '  '}${line.trim()}`).join('\n')}`
  if (value instanceof Tagged) return ` ${scalar(value.text)}`
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []'
    return value.map((item) => `\n${indent}-${isNested(item) ? block(item, depth + 1).replace(/^\n\s*/, ' ') : block(item, depth + 1)}`).join('')
  }
  if (!isMap(value)) return ` ${scalar(value)}`
  const keys = Object.keys(value)
  return keys.length === 0 ? ' {}' : keys.map((key) => `\n${indent}${scalar(key)}:${block(value[key], depth + 1)}`).join('')
}

function isNested(value: unknown): boolean {
  return (Array.isArray(value) && value.length > 0) || (isMap(value) && Object.keys(value).length > 0)
}

function scalar(value: unknown): string {
  if (typeof value === 'string' && SAFE.test(value) && !RESERVED.test(value)) return value
  // 1e+21 is text to parsers of version 1.1, 1.0e+21 is a number to all.
  if (typeof value === 'number') return String(value).replace(/^(-?\d+)e/, '$1.0e')
  return JSON.stringify(value ?? null).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
