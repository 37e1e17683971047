/** Variables from the command line: `--extra-vars`. */
import { InputError } from '../errors.ts'
import { expandPath } from '../paths.ts'
import { MASK } from '../secrets.ts'
import { readText, yamlLayer } from './load.ts'
import { describeValue, layerOf, type Layer } from './layer.ts'
import { parseYaml } from './yaml.ts'

/** What errors name in place of a file. */
const NAME = '--extra-vars'

/**
 * Reads the values of every `--extra-vars`, in order; the last one wins.
 *
 * Forms: `k=v k2='v 2'` (values are always text), a JSON or YAML flow map (`{k: 1}`), `@file` (relative to `cwd`).
 * @throws InputError when one is of none of these forms, or a file is empty.
 */
export async function parseExtraVars(args: readonly string[], cwd: string): Promise<Layer[]> {
  const layers: Layer[] = []
  for (const arg of args) if (arg.trim() !== '') layers.push(await parseOne(arg, cwd))
  return layers
}

async function parseOne(arg: string, cwd: string): Promise<Layer> {
  if (arg.startsWith('@')) return fileLayer(expandPath(arg.slice(1), cwd))
  const text = arg.trim()
  if (/^[./]/.test(text)) throw refuse(arg, `expected variables, got the path ${text}`, `write @${text} to read a file`)
  if (/^[[{]/.test(text)) return flowLayer(text, arg)
  return layerOf(NAME, Object.fromEntries(pairsOf(text, arg)), { file: NAME })
}

/**
 * An `--extra-vars` as it may be shown to anybody: the names alone, for every value may be a secret. `a=1 b='2 3'` becomes
 * `a=******** b=********`, a map `{…}`; `@file` stays.
 */
export function withoutValues(arg: string): string {
  const text = arg.trim()
  if (text === '' || arg.startsWith('@')) return arg
  if (/^[[{]/.test(text)) return '{…}'
  try {
    return pairsOf(text, arg).map(([name]) => `${name}=${MASK}`).join(' ')
  } catch {
    return MASK
  }
}

function pairsOf(text: string, arg: string): (readonly [name: string, value: string])[] {
  return splitWords(text, arg).map((word) => {
    const decoded = decodeEscapes(word)
    const equals = /[^\\]=/.exec(decoded)
    const name = equals ? decoded.slice(0, equals.index + 1).trim() : ''
    if (!equals || name === '') throw refuse(arg, `expected key=value, got ${JSON.stringify(word)}`, hintFor(text))
    return [name, unquote(decoded.slice(equals.index + 2).trim())]
  })
}

async function fileLayer(file: string): Promise<Layer> {
  const layer = yamlLayer(await readText(file), file, `${NAME} @${file}`)
  if (Object.keys(layer.values).length > 0) return layer
  if (parseYaml(await readText(file), file).value !== null) return layer
  throw new InputError('extra-vars', `expected variables in ${file}, but it is empty`, { location: { file } })
}

function flowLayer(text: string, arg: string): Layer {
  const { value } = parseYaml(text, NAME)
  if (Array.isArray(value) || typeof value !== 'object' || value === null) throw refuse(arg, `expected a map of variables, got ${describeValue(value)}`, 'write {"name": value}')
  return yamlLayer(text, NAME, NAME)
}

/** Splits at blanks and newlines, except in quotes and in templates; a backslash before a quote takes its meaning away. */
function splitWords(text: string, arg: string): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (!quote && depth === 0 && (char === ' ' || char === '\n')) {
      words.push(word)
      word = ''
      continue
    }
    const pair = text.slice(i, i + 2)
    if (OPENING.has(pair) || CLOSING.has(pair)) {
      depth = Math.max(0, depth + (OPENING.has(pair) ? 1 : -1))
      word += pair
      i++
      continue
    }
    if ((char === '"' || char === "'") && text[i - 1] !== '\\' && (!quote || quote === char)) quote = quote ? '' : char
    word += char
  }
  if (quote || depth !== 0) throw refuse(arg, quote ? `the quote ${quote} is not closed` : '{{ and }} do not match')
  // A backslash that stands alone continues a line.
  return [...words, word].filter((each) => each !== '' && each !== '\\')
}

const OPENING: ReadonlySet<string> = new Set(['{{', '{%', '{#'])
const CLOSING: ReadonlySet<string> = new Set(['}}', '%}', '#}'])

function hintFor(text: string): string | undefined {
  if (/^[\w-]+ *= /.test(text) || /^[\w-]+ +=/.test(text)) return 'write key=value without blanks around the ='
  if (/^[\w-]+: /.test(text)) return 'write {key: value}, with braces'
  if (/=[[{]/.test(text)) return `lists and maps need one of the other forms: {"key": [1, 2]}`
  return /=[^"'=]* /.test(text) ? 'quote a value that has blanks: key="a b"' : undefined
}

function unquote(text: string): string {
  const first = text[0]
  const quoted = text.length > 1 && (first === '"' || first === "'") && text.endsWith(first) && !text.endsWith(`\\${first}`)
  return quoted ? text.slice(1, -1) : text
}

const NAMED: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** `\n`, `\t`, `\x41`, `\u00e9` and their like, as Ansible decodes them in this form. */
function decodeEscapes(text: string): string {
  return text.replace(/\\(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\\'"abfnrtv]))/g, (all: string, ...groups: (string | undefined)[]) => {
    const [long, short, byte, one] = groups
    const code = long ?? short ?? byte
    if (code !== undefined && Number.parseInt(code, 16) <= 0x10ffff) return String.fromCodePoint(Number.parseInt(code, 16))
    return one === undefined ? all : (NAMED[one] ?? one)
  })
}

function refuse(arg: string, message: string, hint?: string): InputError {
  return new InputError('extra-vars', `--extra-vars ${JSON.stringify(arg)}: ${message}`, { hint, location: { file: NAME } })
}
