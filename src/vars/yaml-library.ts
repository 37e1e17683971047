/**
 * YAML of every kind, read by the yaml library into plain data with places. The only file that imports it; yaml.ts asks for it only
 * when a text is not plain.
 */
import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'
import { InputError, type Location } from '../errors.ts'
import { conceal } from '../secrets.ts'
import { emptyRecord, isPoison, poisonError, Secret, Unsafe, Vaulted, type ValuePath } from './layer.ts'
import type { ParsedYaml } from './yaml.ts'

const require = createRequire(import.meta.url)
let library: typeof Yaml | undefined
/** The library costs 40 ms to load: only those who read YAML that is not plain pay. */
function yaml(): typeof Yaml {
  library ??= require('yaml') as typeof Yaml
  return library
}

/** Aliases can blow a small file up; no inventory has this many values. */
const MAX_VALUES = 2_000_000

type Node = Yaml.Node | null | undefined

/**
 * Parses one YAML document.
 * @param at turns an offset into a place.
 * @throws InputError with file, line and column for every mistake, duplicate keys, unknown tags and unquoted templates included.
 */
export function parseAnyYaml(text: string, at: (offset: number) => Location): ParsedYaml {
  // The library compares each key with all others of its map; the builder has a faster way.
  const doc = yaml().parseDocument(text, { merge: true, prettyErrors: false, logLevel: 'error', uniqueKeys: false, customTags: scalars() })
  const problem = doc.errors[0]
  const builder = new Builder(at, text)
  const tagged = doc.warnings.find((warning) => warning.code === 'TAG_RESOLVE_FAILED')
  if (problem) throw syntaxError(problem, at(problem.pos[0]), text)
  if (tagged) throw tagError(text.slice(...tagged.pos), at(tagged.pos[0]))
  return { value: builder.build(doc.contents), locate: (path) => builder.locate(doc.contents, path), isTextKey: (map, key) => !(builder.otherKeys.get(map)?.has(key) ?? false) }
}

/** Core tags, with booleans as people write them and without octal surprises. */
function scalars(): (tags: Yaml.Tags) => Yaml.Tags {
  return (tags) => [
    { tag: 'tag:yaml.org,2002:bool', default: true, test: /^(?:true|false|yes|no|on|off)$/i, resolve: (text: string) => /^(?:true|yes|on)$/i.test(text) },
    // A leading zero means text: serial numbers, modes and dates are written that way, decimal numbers are not.
    { tag: 'tag:yaml.org,2002:str', default: true, test: /^[-+]?0[0-9_]+(?:\.[0-9]*)?$/, resolve: (text: string) => text },
    { tag: '!unsafe', resolve: (text: string) => new Unsafe(text) },
    { tag: '!vault', resolve: (text: string) => new Vaulted(text) },
    { tag: '!vault-encrypted', resolve: (text: string) => new Vaulted(text) },
    { tag: '!secret', resolve: (text: string) => new Secret(text) },
    ...tags,
  ]
}

function syntaxError(problem: Yaml.YAMLError, location: Location, text: string): InputError {
  const offset = problem.pos[0]
  const message = problem.message.replace(/\.$/, '')
  const line = text.split(/\r\n|\r|\n/)[(location.line ?? 1) - 1] ?? ''
  const hint =
    problem.code === 'TAB_AS_INDENT' || text[offset] === '\t' || /^\s*\t/.test(line)
      ? 'indent with spaces'
      : /:\s*\{\{/.test(line)
        ? QUOTE_TEMPLATES
        : undefined
  return new InputError('yaml-syntax', `not valid YAML: ${message}`, { location, hint })
}

const QUOTE_TEMPLATES = 'quote templates: "{{ name }}"'

function tagError(tag: string, location: Location): InputError {
  return new InputError('yaml-tag', `unknown YAML tag ${tag}`, { location, hint: 'farm knows !unsafe, !vault and !secret; remove the tag or quote the text' })
}

/** Turns nodes into plain data. Not the library's own toJS: that one knows neither our refusals nor where they happen. */
class Builder {
  readonly #at: (offset: number) => Location
  readonly #text: string
  readonly #anchors = new Map<string, Yaml.Node>()
  readonly #open = new Set<Yaml.Node>()
  /** Pairs by key, of maps into which somebody looked. */
  readonly #pairs = new Map<Yaml.YAMLMap, Map<string, Yaml.Pair>>()
  /** Keys that are written as numbers or booleans, of the maps that have such. */
  readonly otherKeys = new WeakMap<object, Set<string>>()
  #count = 0

  constructor(at: (offset: number) => Location, text: string) {
    this.#at = at
    this.#text = text
  }

  build(node: Node): unknown {
    if (!node) return null
    if (++this.#count > MAX_VALUES) throw new InputError('yaml-size', 'the aliases in this file make too many values', { location: this.#where(node) })
    if (yaml().isAlias(node)) return this.build(this.#target(node))
    const anchor = (node as Yaml.Scalar).anchor
    if (anchor) this.#anchors.set(anchor, node)
    if (yaml().isScalar(node)) return this.#scalar(node)
    if (this.#open.has(node)) throw new InputError('yaml-cycle', 'an alias contains itself', { location: this.#where(node) })
    this.#open.add(node)
    const value = yaml().isSeq(node) ? node.items.map((item) => this.build(item as Node)) : this.#map(node as Yaml.YAMLMap)
    this.#open.delete(node)
    return value
  }

  #map(map: Yaml.YAMLMap): Record<string, unknown> {
    const own = emptyRecord()
    const merged: Record<string, unknown>[] = []
    for (const pair of map.items) {
      if (isMerge(pair)) merged.push(...this.#merged(pair))
      else {
        const key = this.#key(pair, own)
        if (key in own) throw new InputError('yaml-syntax', 'not valid YAML: the same key stands twice in one map', { location: this.#where(pair.key as Node) })
        own[key] = this.build(pair.value as Node)
      }
    }
    if (merged.length === 0) return own
    const all = emptyRecord()
    for (const source of [...merged.reverse(), own]) for (const key of Object.keys(source)) all[key] = source[key]
    return all
  }

  /** The maps that `<<` names, the strongest first. */
  #merged(pair: Yaml.Pair): Record<string, unknown>[] {
    return this.#mergeSources(pair).map((node) => {
      const target = this.#resolve(node)
      if (yaml().isMap(target)) return this.build(target) as Record<string, unknown>
      throw new InputError('yaml-merge', '"<<" merges maps, and this is none', { location: this.#where(node) })
    })
  }

  #mergeSources(pair: Yaml.Pair): Node[] {
    const value = this.#resolve(pair.value as Node)
    return yaml().isSeq(value) ? (value.items as Node[]) : [pair.value as Node]
  }

  #key(pair: Yaml.Pair, map: object): string {
    const node = this.#resolve(pair.key as Node)
    if (yaml().isCollection(node)) {
      const template = this.#text.slice((node.range?.[0] ?? 1) - 1).startsWith('{{')
      throw new InputError('yaml-key', template ? 'a template without quotes is a map to YAML' : 'a key must be text', {
        location: this.#where(node),
        hint: template ? QUOTE_TEMPLATES : undefined,
      })
    }
    const value: unknown = yaml().isScalar(node) ? node.value : null
    // As in JSON: ports and years are common keys.
    if (typeof value === 'number' || typeof value === 'boolean') {
      this.otherKeys.set(map, (this.otherKeys.get(map) ?? new Set()).add(String(value)))
      return String(value)
    }
    if (typeof value !== 'string') throw new InputError('yaml-key', 'a key must be text, and nothing is not', { location: this.#where(node), hint: 'give it a name, or quote it' })
    if (isPoison(value)) throw poisonError(value, this.#where(node))
    return value
  }

  #scalar(node: Yaml.Scalar): unknown {
    const value = node.value
    if (value instanceof Vaulted) return new Vaulted(value.text, this.#where(node))
    if (value instanceof Secret && !value.text.includes('{{')) conceal(value.text)
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?[0-9]+$/.test(node.source ?? '')) {
      throw new InputError('yaml-number', `${node.source} is too large to be kept exactly as a number`, { location: this.#where(node), hint: 'quote it to keep it as text' })
    }
    return typeof value === 'bigint' ? Number(value) : value
  }

  #target(alias: Yaml.Alias): Yaml.Node {
    const target = this.#anchors.get(alias.source)
    if (target) return target
    throw new InputError('yaml-alias', `*${alias.source} is used, but &${alias.source} is not written before it`, { location: this.#where(alias) })
  }

  #resolve(node: Node): Node {
    return yaml().isAlias(node) ? this.#target(node) : node
  }

  #where(node: Node): Location {
    return this.#at(node?.range?.[0] ?? 0)
  }

  locate(root: Node, path: ValuePath): Location | undefined {
    let node = this.#resolve(root)
    let place = node ? this.#where(node) : undefined
    for (const step of path) {
      if (yaml().isSeq(node) && typeof step === 'number') {
        node = node.items[step] as Node
        place = node ? this.#where(node) : undefined
      } else if (yaml().isMap(node)) {
        const pair = this.#pair(node, String(step))
        place = pair ? this.#where(pair.key as Node) : undefined
        node = pair?.value as Node
      } else return undefined
      node = this.#resolve(node)
    }
    return place
  }

  #pair(map: Yaml.YAMLMap, key: string): Yaml.Pair | undefined {
    let known = this.#pairs.get(map)
    if (!known) this.#pairs.set(map, (known = new Map(map.items.filter((pair) => !isMerge(pair)).map((pair) => [String((this.#resolve(pair.key as Node) as Yaml.Scalar | null)?.value), pair]))))
    const own = known.get(key)
    if (own) return own
    for (const merge of map.items.filter(isMerge)) {
      for (const source of this.#mergeSources(merge)) {
        const target = this.#resolve(source)
        const found = yaml().isMap(target) ? this.#pair(target, key) : undefined
        if (found) return found
      }
    }
    return undefined
  }
}

function isMerge(pair: Yaml.Pair): boolean {
  const key = pair.key as Yaml.Scalar | null
  return yaml().isScalar(key) && key.source === '<<' && key.type === 'PLAIN'
}
