/**
 * How a value becomes text in each kind of document: as a value and never as anything else. The format is chosen by the extension
 * that stands before `.hbs`.
 */
import { shellQuote } from '../quote.ts'

/** Text that a helper has already made safe for its document; it is not escaped again. */
export class Rendered {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A kind of document. */
export type Format = 'value' | 'text' | 'xml' | 'sh' | 'yaml'

const BY_EXTENSION: Readonly<Record<string, Format>> = { '.xml': 'xml', '.sh': 'sh', '.yaml': 'yaml', '.yml': 'yaml', '.json': 'yaml' }

/** The format of a document with this extension (`.xml`). */
export function formatOf(extension: string): Format {
  return BY_EXTENSION[extension] ?? 'text'
}

/** Writes text, a number, a boolean or (where the format has them) a list or map; throws an Error whose message ends "… is …" for others. */
export function writeAs(format: Format, value: unknown): string {
  if (value instanceof Rendered) return value.text
  if (format === 'yaml') return toJson(value)
  if (format === 'sh' && Array.isArray(value)) return value.map((item) => writeAs('sh', item)).join(' ')
  if (value === null) throw new Error('is null; give it a value or write {{default NAME "…"}}')
  if (Array.isArray(value)) throw new Error('is a list; use {{join NAME ", "}} or {{json NAME}}')
  if (typeof value === 'object') throw new Error('is a map; name one of its keys or use {{json NAME}}')
  const text = String(value)
  if (format === 'xml') return escapeXml(text)
  return format === 'sh' ? quoteShell(text) : text
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }
/** What XML 1.0 allows in no form, not even as a numeric reference; lone surrogates included. */
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** For text and attributes alike; white space that attributes would lose is written as numeric references. */
export function escapeXml(text: string): string {
  const bad = NOT_XML.exec(text)
  if (bad) throw new Error(`has the character U+${bad[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}, which XML forbids`)
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] as string).replace(/[\t\n\r]/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** One word for a POSIX shell, whatever is in it. */
export function quoteShell(text: string): string {
  if (text.includes('\0')) throw new Error('has a NUL character, which no shell can pass on')
  return shellQuote(text)
}

/** JSON that is YAML too, for old parsers as well: nothing unprintable stays as it is. */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value)
  if (text === undefined) throw new Error('is not defined')
  return text.replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
