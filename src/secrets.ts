/**
 * Texts that nobody may see. A secret is registered where it is read (a vault, a password prompt, a marked variable);
 * whatever leaves farm (events, errors, logs, diffs, JSON) goes through {@link mask}, which knows a secret in its quoted and encoded forms too.
 *
 * The registry belongs to the process: a secret that one host's variables hold must not show in another host's output either.
 */

/** What stands in a secret's place. */
export const MASK = '********'

/** Shorter texts cannot be hidden without hiding everything else. */
const SHORTEST = 3
/** Shorter lines of a text of many lines say nothing, and occur everywhere. */
const SHORTEST_LINE = 8
/** Words of every log and every JSON document: hiding them would tell more than showing them. */
const COMMON: ReadonlySet<string> = new Set(['true', 'false', 'null', 'none', 'yes', 'off'])
/** First and last lines of PEM files are the same in all of them. */
const ARMOUR = /^-----(?:BEGIN|END) [A-Z0-9 ]+-----$/

const secrets = new Set<string>()
/** Matches the longest hidden form at each place; undefined when there is nothing to hide, or when it has to be made anew. */
let pattern: RegExp | undefined
let stale = false

/**
 * Registers a secret, and each line of a secret that has several (keys are printed line by line). Texts shorter than three
 * characters, and words such as `true` and `null`, cannot be hidden without hiding everything else; they are left alone.
 */
export function conceal(secret: string): void {
  for (const text of [secret, secret.trim(), ...linesOf(secret)]) {
    if (text.trim().length < SHORTEST || COMMON.has(text.toLowerCase()) || secrets.has(text)) continue
    secrets.add(text)
    stale = true
  }
}

/** As {@link conceal}, for every text in plain data and for numbers of at least four digits; keys are names, not secrets. */
export function concealAll(value: unknown): void {
  if (typeof value === 'string') conceal(value)
  else if (typeof value === 'number' && /\d{4}/.test(String(value))) conceal(String(value))
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) concealAll(item)
}

/** The text with every secret replaced; secrets that overlap are replaced as one. */
export function mask(text: string): string {
  if (stale) compile()
  if (pattern === undefined) return text
  pattern.lastIndex = 0
  let found = pattern.exec(text)
  if (found === null) return text
  let result = ''
  let done = 0
  while (found !== null) {
    const start: number = found.index
    let end: number = start + found[0].length
    // A longer secret may begin inside this one: look again from its second character on.
    pattern.lastIndex = start + 1
    found = pattern.exec(text)
    while (found !== null && found.index < end) {
      end = Math.max(end, found.index + found[0].length)
      pattern.lastIndex = found.index + 1
      found = pattern.exec(text)
    }
    result += text.slice(done, start) + MASK
    done = end
  }
  return result + text.slice(done)
}

/** As {@link mask}, for every string in plain data, keys included; gives the very same object back when there is nothing to hide. */
export function masked<T>(value: T): T {
  if (stale) compile()
  return pattern === undefined ? value : (deep(value) as T)
}

/** Forgets all secrets: for tests, which share a process. */
export function forgetSecrets(): void {
  secrets.clear()
  stale = true
}

function deep(value: unknown): unknown {
  if (typeof value === 'string') return mask(value)
  // A number that is a secret becomes text: masked after it was written, it would leave something that is no JSON.
  if (typeof value === 'number' && mask(String(value)) !== String(value)) return MASK
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map(deep)
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  let changed = false
  const entries = Object.entries(value).map(([key, item]) => {
    const entry = [mask(key), deep(item)] as const
    changed ||= entry[0] !== key || entry[1] !== item
    return entry
  })
  return changed ? Object.fromEntries(entries) : value
}

function linesOf(secret: string): string[] {
  if (!secret.includes('\n')) return []
  const lines = secret.split(/\r?\n/).map((line) => line.trim())
  return lines.filter((line) => line.length >= SHORTEST_LINE && !ARMOUR.test(line))
}

function compile(): void {
  stale = false
  const forms = new Set<string>()
  for (const secret of secrets) for (const form of formsOf(secret)) forms.add(form)
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  pattern = longestFirst.length === 0 ? undefined : new RegExp(longestFirst.map(literal).join('|'), 'g')
}

/** How a secret looks in a shell word, in JSON, XML, an address, and in Base64. */
function formsOf(secret: string): string[] {
  // Lone surrogates would make encodeURIComponent throw.
  const whole = Buffer.from(secret).toString()
  const json = JSON.stringify(whole).slice(1, -1)
  const text = whole.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const xml = text.replaceAll('"', '&quot;').replaceAll("'", '&apos;')
  const url = encodeURIComponent(whole)
  const strict = url.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  return [
    secret,
    whole.replaceAll("'", "'\\''"),
    json,
    json.replaceAll('/', '\\/'),
    text,
    xml,
    xml.replaceAll('\n', '&#10;').replaceAll('\t', '&#9;').replaceAll('\r', '&#13;'),
    xml.replaceAll('&quot;', '&#34;').replaceAll('&apos;', '&#39;'),
    url,
    strict,
    strict.replaceAll('%20', '+'),
    strict.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    ...[whole, `${whole}\n`].flatMap((plain) => {
      const base64 = Buffer.from(plain).toString('base64')
      const bare = base64.replace(/=+$/, '')
      return [base64, bare, bare.replaceAll('+', '-').replaceAll('/', '_')]
    }),
  ]
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
