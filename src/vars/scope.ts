/**
 * The variables of one host: a stack of layers, read by name. Values are templates and are rendered when they are asked for, so a
 * mistake in a variable that nobody uses harms nobody.
 */
import { FarmError, InputError, type Location } from '../errors.ts'
import { concealAll, MASK, mask, masked } from '../secrets.ts'
import { controllerLookups, type Lookups } from './helpers.ts'
import { currentKeyring } from './keyring.ts'
import { emptyRecord, isMap, isPoison, poisonError, Secret, Tagged, Vaulted, type Layer, type ValuePath } from './layer.ts'
import { didYouMean } from '../suggest.ts'
import { isTemplate, TemplateEngine } from './template.ts'
import { TemplateProblem } from './template-syntax.ts'

/** One layer's say about a variable. */
export interface Setting {
  readonly layer: string
  readonly location: Location | undefined
  /** As it is written, templates not rendered; secrets are masked. */
  readonly value: unknown
  /** True for the highest layer, whose value counts. */
  readonly won: boolean
  /** Of the winner, when its value holds templates: the value with these rendered, secrets masked. */
  readonly rendered?: unknown
  /** Of the winner, in place of `rendered`: why its templates cannot be rendered. */
  readonly problem?: string
}

/** The variables of the other hosts, for `hostvars`. Host names are asked for once, scopes when a template uses them. */
export interface OtherHosts {
  names(): Iterable<string>
  /** The scope of a host that `names` gave; the same one each time, so that nothing is rendered twice. */
  scope(name: string): Scope
}

/** What a scope needs beside its layers. */
export interface ScopeOptions {
  readonly lookups?: Lookups | undefined
  /** The host whose variables these are: for messages about circles that lead over several hosts. */
  readonly host?: string | undefined
  /** Gives templates `hostvars`; hosts that share this object share their rendered values. */
  readonly others?: OtherHosts | undefined
}

/** Variables that hold passwords, whoever sets them: ansible_password, ansible_ssh_pass, ansible_become_pass, … */
const SECRET_NAME = /^ansible_(?:[a-z0-9]+_)*pass(?:word|phrase)?$/

/** True for names of variables whose values are concealed when a Scope reads them. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

interface Rendering {
  readonly scope: Scope
  readonly host: string | undefined
  /** `a`, `b.0.c` */
  readonly name: string
}

/** What is being rendered now, outermost first; of all scopes, since a circle may lead over several. Rendering never waits. */
const rendering: Rendering[] = []

/** Reads variables from layers; see the methods for errors. */
export class Scope {
  readonly #layers: readonly Layer[]
  readonly #engine: TemplateEngine
  readonly #options: ScopeOptions
  /** What templates see: an accessor for each name. */
  readonly #context = emptyRecord()
  readonly #views = new Map<string, unknown>()

  /** @param layers lowest precedence first. */
  constructor(layers: readonly Layer[], options: ScopeOptions = {}) {
    this.#layers = layers
    this.#options = options
    this.#engine = engineFor(options.lookups ?? controllerLookups)
    const { others } = options
    // Not enumerable: it is no variable of this host.
    if (others) Object.defineProperty(this.#context, 'hostvars', { get: () => Scope.#hostvars(others) })
    for (const layer of layers) {
      for (const name of Object.keys(layer.values)) {
        if (!(name in this.#context)) Object.defineProperty(this.#context, name, { enumerable: true, get: () => this.#view(name) })
      }
    }
  }

  /** True when some layer sets the variable. */
  has(name: string): boolean {
    return Object.prototype.propertyIsEnumerable.call(this.#context, name)
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

  /**
   * Everything that was said about a variable, the lowest layer first; secrets are masked, encrypted values are not decrypted.
   * A template that cannot be rendered is told, not thrown.
   */
  explain(name: string): Setting[] {
    const settings = this.#layers.filter((layer) => name in layer.values)
    return settings.map((layer, index) => {
      const raw = layer.values[name]
      const won = index === settings.length - 1
      // A template is no secret, but what it gives.
      const hidden = isSecretName(name) && !hasTemplates(raw)
      if (hidden) concealAll(raw)
      const value = hidden && ['string', 'number'].includes(typeof raw) ? MASK : masked(asWritten(raw))
      return { layer: layer.name, location: layer.origin([name]), value, won, ...(won && hasTemplates(raw) ? this.#rendered(name) : {}) }
    })
  }

  #rendered(name: string): { rendered: unknown } | { problem: string } {
    try {
      const rendered = this.get(name)
      return { rendered: this.#winner(name)?.values[name] instanceof Secret ? MASK : masked(rendered) }
    } catch (cause) {
      if (cause instanceof FarmError) return { problem: mask(cause.message) }
      throw cause
    }
  }

  #winner(name: string): Layer | undefined {
    return this.#layers.findLast((layer) => name in layer.values)
  }

  #view(name: string): unknown {
    if (!this.#views.has(name)) {
      const value = this.#look(this.#winner(name)?.values[name], [name])
      if (isSecretName(name)) concealAll(value)
      this.#views.set(name, value)
    }
    return this.#views.get(name)
  }

  /** All hosts by name, each as its own templates see it. */
  static #hostvars(others: OtherHosts): object {
    let view = hostvarsOf.get(others)
    if (!view) {
      hostvarsOf.set(others, (view = emptyRecord()))
      for (const host of others.names()) {
        if (!isPoison(host)) Object.defineProperty(view, host, { enumerable: true, get: () => others.scope(host).#context })
      }
    }
    return view
  }

  /** A value as templates see it: text is rendered, lists and maps are rendered when they are looked into. */
  #look(value: unknown, path: ValuePath): unknown {
    if (typeof value === 'string') return isTemplate(value) ? this.#render(value, path) : value
    if (value instanceof Tagged) return this.#untagged(value, path)
    if (!Array.isArray(value) && !isMap(value)) return value
    const view = Array.isArray(value) ? [] : emptyRecord()
    for (const [key, item] of Object.entries(value)) {
      const step = Array.isArray(value) ? Number(key) : key
      let known: { readonly value: unknown } | undefined
      Object.defineProperty(view, key, { enumerable: true, get: () => (known ??= { value: this.#look(item, [...path, step]) }).value })
    }
    return view
  }

  #untagged(value: Tagged, path: ValuePath): unknown {
    const secret = value instanceof Secret
    if (!secret && !(value instanceof Vaulted)) return value.text
    const plain = secret ? this.#look(value.text, path) : currentKeyring().decrypt(value.text, value.location ?? this.origin(String(path[0]), path.slice(1)))
    concealAll(plain)
    return plain
  }

  #render(text: string, path: ValuePath): unknown {
    const here = { scope: this, host: this.#options.host, name: path.join('.') }
    const first = rendering.findIndex((outer) => same(outer, here))
    if (first >= 0) {
      throw new InputError('variable-cycle', `variables refer to each other in a circle: ${circle([...rendering.slice(first), here])}`, { location: this.origin(String(path[0]), path.slice(1)) })
    }
    rendering.push(here)
    try {
      return this.#engine.compile(text)(this.#context)
    } catch (cause) {
      if (cause instanceof TemplateProblem) throw this.#problem(cause, here.name, text, path)
      throw cause
    } finally {
      rendering.pop()
    }
  }

  #problem(cause: TemplateProblem, name: string, text: string, path: ValuePath): InputError {
    const missing = /^([\w-]+)(?:[./[].*)? is not defined$/.exec(cause.message)?.[1]
    const hint = cause.hint ?? (missing === 'hostvars' ? this.#hostHint(cause.message) : missing && !this.has(missing) ? didYouMean(missing, this.names()) : undefined)
    return new InputError(missing === undefined ? 'template' : 'undefined-variable', `${cause.message}; used by ${name}: ${JSON.stringify(text)}`, {
      location: this.origin(String(path[0]), path.slice(1)),
      hint,
      cause,
    })
  }
  #hostHint(message: string): string | undefined {
    const names = this.#options.others ? [...this.#options.others.names()] : []
    const [, spaced, word] = /^hostvars\.(?:\[([^\]]*)\]|([\w-]+))/.exec(message) ?? []
    const host = spaced ?? word
    if (host === undefined || names.includes(host)) return undefined
    return didYouMean(host, names) ?? 'a name with dots or blanks is written {{ hostvars.[web1.example.com].x }}'
  }
}

function same(a: Rendering, b: Rendering): boolean {
  return a.name === b.name && (a.scope === b.scope || (a.host !== undefined && a.host === b.host))
}

/** `a → b → a`, with the hosts' names when there are several. */
function circle(steps: readonly Rendering[]): string {
  const several = steps.some((step) => !(step.scope === steps[0]?.scope))
  return steps.map(({ host, name }) => (several && host !== undefined ? `${host}: ${name}` : name)).join(' → ')
}

const hostvarsOf = new WeakMap<OtherHosts, Record<string, unknown>>()

const engines = new WeakMap<Lookups, TemplateEngine>()
/** One engine for all hosts: what was compiled for one is ready for the next. */
function engineFor(lookups: Lookups): TemplateEngine {
  let engine = engines.get(lookups)
  if (!engine) engines.set(lookups, (engine = new TemplateEngine('value', lookups)))
  return engine
}

/** Plain data without accessors; maps are ordinary objects. A template may name a map of which it is a part (`this`). */
function plain(value: unknown, within: readonly object[] = []): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (within.includes(value)) throw new InputError('variable-cycle', 'a variable contains itself', { hint: 'name the part that is meant' })
  const inner = [...within, value]
  if (Array.isArray(value)) return value.map((item) => plain(item, inner))
  if (!isMap(value)) return value
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    if (isPoison(key)) throw poisonError(key, undefined)
    result[key] = plain(value[key], inner)
  }
  return result
}

/** Plain data without tags; what is encrypted or marked as secret is masked. */
function asWritten(value: unknown): unknown {
  if (value instanceof Secret) return isTemplate(value.text) ? value.text : MASK
  if (value instanceof Tagged) return value instanceof Vaulted ? MASK : value.text
  if (Array.isArray(value)) return value.map(asWritten)
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asWritten(item)])) : value
}

function hasTemplates(value: unknown): boolean {
  if (typeof value === 'string') return isTemplate(value)
  if (value instanceof Tagged) return value instanceof Secret && isTemplate(value.text)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasTemplates)
}
