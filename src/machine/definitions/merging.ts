/** The merging of a definition's sources, one after the other, with the memory of who said what. */
import { isMap, untrusted, type ValuePath } from '../../vars/layer.ts'
import { valueAt } from '../../vars/check.ts'
import type { Location } from '../../errors.ts'
import { mergeMaps } from './merge.ts'
import { mergeImage, type WrittenStep } from './pipeline.ts'
import { modernise } from './predecessor.ts'
import type { Origin, Problem } from './problems.ts'
import { renderSource, type Surroundings } from './render.ts'
import type { DefinitionSource } from './source.ts'

interface Said {
  readonly fields: Readonly<Record<string, unknown>>
  readonly origin: Origin
}

/** Fields grow with every source; mistakes are collected. */
export class Merging {
  #fields: Record<string, unknown> = {}
  readonly #said: Said[] = []
  readonly #surroundings: Surroundings
  readonly #params: Said
  readonly #problems: Problem[]

  constructor(surroundings: Surroundings, sources: readonly DefinitionSource[], problems: Problem[]) {
    this.#surroundings = surroundings
    this.#problems = problems
    const params = sources.map(({ params: fields, templates, origin }) => ({ fields: templates ? fields : (untrusted(fields) as Record<string, unknown>), origin: (path: ValuePath) => origin(['params', ...path]) }))
    this.#params = { fields: params.reduce<Record<string, unknown>>((all, { fields }) => mergeMaps(all, fields), {}), origin: (path) => originIn(params, path) }
  }

  get fields(): Readonly<Record<string, unknown>> {
    return this.#fields
  }

  /** Where the value at a path of the merged fields is written: the last source that says it. */
  origin(path: ValuePath): Location | undefined {
    return originIn(this.#said, path)
  }

  /** Renders a source with what is known so far, and lays it over that. */
  async add(source: DefinitionSource): Promise<void> {
    const rendered = await renderSource(source, this.#surroundings, this.#fields, this.#params)
    const { fields, origin } = modernise(rendered, source.origin, this.#problems)
    if (fields['net'] !== undefined && fields['net'] !== null && fields['interfaces'] !== undefined && fields['interfaces'] !== null) {
      this.#problems.push({ text: 'net and interfaces are two ways to say the same', location: origin(['net']), hint: 'keep interfaces, with what net says as its first' })
    }
    const { image, ...rest } = fields
    const base = this.#without(rest)
    const merged = mergeMaps(base, rest)
    if (image === null) delete merged['image']
    else if (image !== undefined) merged['image'] = mergeImage(Array.isArray(base['image']) ? (base['image'] as WrittenStep[]) : [], image, origin, this.#problems)
    this.#fields = merged
    this.#said.push({ fields, origin })
  }

  /** What is left of the earlier fields: one network in place of several, and the reverse, and no source of a network of another type. */
  #without(next: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const base = { ...this.#fields }
    const { net, interfaces } = next
    if (interfaces !== undefined && interfaces !== null) delete base['net']
    if (!isMap(net)) return base
    delete base['interfaces']
    const before = base['net']
    if (isMap(before) && before['type'] !== undefined && net['type'] !== undefined && net['type'] !== before['type']) delete base['net']
    return base
  }
}

function originIn(said: readonly Said[], path: ValuePath): Location | undefined {
  for (let length = path.length; length > 0; length--) {
    const part = path.slice(0, length)
    const last = said.findLast(({ fields }) => valueAt(fields, part) !== undefined)
    const location = last?.origin(part)
    if (location) return location
  }
  return undefined
}
