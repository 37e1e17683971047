/**
 * The variables of one host: a stack of layers, read by name. Values are templates and are rendered when they are asked for, so a
 * mistake in a variable that nobody uses harms nobody.
 */
import { InputError, type Location } from '../errors.ts'
import { controllerLookups, type Lookups } from './helpers.ts'
import { emptyRecord, isMap, isPoison, poisonError, Unsafe, withoutTags, type Layer, type ValuePath } from './layer.ts'
import { didYouMean } from '../suggest.ts'
import { isTemplate, TemplateEngine } from './template.ts'
import { TemplateProblem } from './template-syntax.ts'

/** One layer's say about a variable. */
export interface Setting {
  readonly layer: string
  readonly location: Location | undefined
  /** As it is written, templates not rendered. */
  readonly value: unknown
  /** True for the highest layer, whose value counts. */
  readonly won: boolean
}

/** Reads variables from layers; see the methods for errors. */
export class Scope {
  readonly #layers: readonly Layer[]
  readonly #engine: TemplateEngine
  /** What templates see: an accessor for each name. */
  readonly #context = emptyRecord()
  readonly #views = new Map<string, unknown>()
  /** What is being rendered now, outermost first: `a`, `b.0.c`. */
  readonly #rendering: string[] = []

  /** @param layers lowest precedence first. */
  constructor(layers: readonly Layer[], options: { readonly lookups?: Lookups | undefined } = {}) {
    this.#layers = layers
    this.#engine = engineFor(options.lookups ?? controllerLookups)
    for (const layer of layers) {
      for (const name of Object.keys(layer.values)) {
        if (!(name in this.#context)) Object.defineProperty(this.#context, name, { enumerable: true, get: () => this.#view(name) })
      }
    }
  }

  /** True when some layer sets the variable. */
  has(name: string): boolean {
    return name in this.#context
  }

  /** The names of all variables, lowest layer first. */
  names(): string[] {
    return Object.keys(this.#context)
  }

  /**
   * The variable's value with all templates rendered: plain data of the caller's own.
   * @throws InputError when it, or a name that it uses, is not defined (with the place of use), and for cycles.
   */
  get(name: string): unknown {
    if (!this.has(name)) throw new InputError('undefined-variable', `the variable ${name} is not defined`, { hint: didYouMean(name, this.names()) })
    return plain(this.#view(name))
  }

  /** All variables, as {@link get} gives them. */
  all(): Record<string, unknown> {
    return Object.fromEntries(this.names().map((name) => [name, this.get(name)]))
  }

  /** Where the value that counts was written; `path` leads further into it. */
  origin(name: string, path: ValuePath = []): Location | undefined {
    const layer = this.#winner(name)
    return layer?.origin([name, ...path]) ?? layer?.origin([name])
  }

  /** Everything that was said about a variable, the lowest layer first. */
  explain(name: string): Setting[] {
    const settings = this.#layers.filter((layer) => name in layer.values)
    return settings.map((layer, index) => ({
      layer: layer.name,
      location: layer.origin([name]),
      value: plain(layer.values[name]),
      won: index === settings.length - 1,
    }))
  }

  #winner(name: string): Layer | undefined {
    return this.#layers.findLast((layer) => name in layer.values)
  }

  #view(name: string): unknown {
    if (!this.#views.has(name)) this.#views.set(name, this.#look(this.#winner(name)?.values[name], [name]))
    return this.#views.get(name)
  }

  /** A value as templates see it: text is rendered, lists and maps are rendered when they are looked into. */
  #look(raw: unknown, path: ValuePath): unknown {
    const value = withoutTags(raw)
    if (raw instanceof Unsafe) return value
    if (typeof value === 'string') return isTemplate(value) ? this.#render(value, path) : value
    if (!Array.isArray(value) && !isMap(value)) return value
    const view = Array.isArray(value) ? [] : emptyRecord()
    for (const [key, item] of Object.entries(value)) {
      const step = Array.isArray(value) ? Number(key) : key
      let known: { readonly value: unknown } | undefined
      Object.defineProperty(view, key, { enumerable: true, get: () => (known ??= { value: this.#look(item, [...path, step]) }).value })
    }
    return view
  }

  #render(text: string, path: ValuePath): unknown {
    const name = path.join('.')
    if (this.#rendering.includes(name)) {
      const cycle = [...this.#rendering.slice(this.#rendering.indexOf(name)), name].join(' → ')
      throw new InputError('variable-cycle', `variables refer to each other in a circle: ${cycle}`, { location: this.origin(String(path[0]), path.slice(1)) })
    }
    this.#rendering.push(name)
    try {
      return this.#engine.compile(text)(this.#context)
    } catch (cause) {
      if (cause instanceof TemplateProblem) throw this.#problem(cause, name, text, path)
      throw cause
    } finally {
      this.#rendering.pop()
    }
  }

  #problem(cause: TemplateProblem, name: string, text: string, path: ValuePath): InputError {
    const missing = /^([\w-]+)\S* is not defined$/.exec(cause.message)?.[1]
    const hint = cause.hint ?? (missing && !this.has(missing) ? didYouMean(missing, this.names()) : undefined)
    return new InputError(missing === undefined ? 'template' : 'undefined-variable', `${cause.message}; used by ${name}: ${JSON.stringify(text)}`, {
      location: this.origin(String(path[0]), path.slice(1)),
      hint,
      cause,
    })
  }
}

const engines = new WeakMap<Lookups, TemplateEngine>()
/** One engine for all hosts: what was compiled for one is ready for the next. */
function engineFor(lookups: Lookups): TemplateEngine {
  let engine = engines.get(lookups)
  if (!engine) engines.set(lookups, (engine = new TemplateEngine('value', lookups)))
  return engine
}

/** Plain data without accessors and tags; maps are ordinary objects. */
function plain(value: unknown): unknown {
  if (value instanceof Unsafe) return value.text
  if (Array.isArray(value)) return value.map(plain)
  if (!isMap(value)) return value
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    if (isPoison(key)) throw poisonError(key, undefined)
    result[key] = plain(value[key])
  }
  return result
}
