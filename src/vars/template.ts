/**
 * Templates: Handlebars made strict. Every output and every helper call is checked at its place: what is not defined, null or an
 * object where text is wanted is an error with line and column.
 *
 * Handlebars' own strict mode lets undefined arguments of helpers pass and its escaping adds numbers up, so each `{{x}}` is compiled
 * as a call of a helper of ours, which gets the value and its place.
 */
import { handlebars, type HelperDelegate, type Library, type Loc, type Options } from './handlebars.ts'
import { Rendered, writeAs, type Format } from './formats.ts'
import { OUTPUT, parse, placeOf, prepare, problemAt, TemplateProblem } from './template-syntax.ts'
import { controllerLookups, holds, makeHelpers, type Helper, type Lookups } from './helpers.ts'

/** True when `text` has to be rendered at all, or to be refused as Jinja. */
export function isTemplate(text: string): boolean {
  return text.includes('{{') || /(?<![{$])\{[%#]/.test(text)
}

/**
 * A compiled template. In format `value` the result of a lone expression keeps its type; otherwise the result is text.
 * The context must have own properties only; accessors are fine. Errors: {@link TemplateProblem}, and whatever an accessor throws.
 */
export type Template = (context: object) => unknown

/** Compiles templates of one format. Keep it: compiled templates are cached in it. */
export class TemplateEngine {
  readonly #format: Format
  readonly #helpers: Readonly<Record<string, Helper>>
  readonly #cache = new Map<string, Template>()
  #hb: Library | undefined
  /** Where the typed result of a lone expression is left by the output helper. */
  #result: unknown
  #keepType = false
  /** How each argument was written, by the place of its call: for messages. */
  #written: ReadonlyMap<string, readonly string[]> = new Map()

  constructor(format: Format, lookups: Lookups = controllerLookups) {
    this.#format = format
    const quote: Helper = (args) => new Rendered(args.map((arg) => writeAs(format === 'text' || format === 'value' ? 'sh' : format, arg)).join(' '))
    const sh: Record<string, Helper> = format === 'sh' || format === 'text' ? { sh: quote } : {}
    const yaml: Record<string, Helper> = format === 'yaml' ? { yaml: quote, json: quote } : {}
    this.#helpers = { ...makeHelpers(lookups), ...sh, ...yaml }
  }

  /** @throws TemplateProblem for mistakes of syntax and unknown helpers. */
  compile(source: string): Template {
    let template = this.#cache.get(source)
    if (!template) this.#cache.set(source, (template = this.#compile(source)))
    return template
  }

  #compile(source: string): Template {
    const hb = (this.#hb ??= this.#environment())
    const program = parse(source)
    const written = prepare(program, new Set(Object.keys(this.#helpers)))
    const only = program.body.length === 1 && program.body[0]?.type === 'MustacheStatement'
    const known = Object.fromEntries([OUTPUT, ...Object.keys(this.#helpers)].map((name) => [name, true]))
    const run = hb.compile(program, { knownHelpers: known, knownHelpersOnly: true, explicitPartialContext: true } as object)
    const keepType = this.#format === 'value' && only
    return (context) => {
      // Rendering nests: an accessor of the context may render another template with this engine.
      const outer = { keepType: this.#keepType, written: this.#written, result: this.#result }
      this.#keepType = keepType
      this.#written = written
      this.#result = undefined
      try {
        const text = run(context)
        return keepType ? this.#result : text
      } finally {
        this.#keepType = outer.keepType
        this.#written = outer.written
        this.#result = outer.result
      }
    }
  }

  #environment(): Library {
    const hb = handlebars().create()
    const each = hb.helpers['each'] as HelperDelegate
    const withHelper = hb.helpers['with'] as HelperDelegate
    // Shared by all environments, and the same in all: outputs are escaped by our helper before they come here.
    hb.Utils.escapeExpression = String
    hb.registerHelper(OUTPUT, this.#checked('', ([value]) => this.#output(value)))
    for (const [name, helper] of Object.entries(this.#helpers)) hb.registerHelper(name, this.#checked(name, helper))
    hb.registerHelper('if', this.#block('if', (value, options, self) => (holds(value) ? options.fn(self) : options.inverse(self))))
    hb.registerHelper('unless', this.#block('unless', (value, options, self) => (holds(value) ? options.inverse(self) : options.fn(self))))
    hb.registerHelper('with', this.#block('with', (value, options, self) => withHelper.call(self, value, options)))
    hb.registerHelper('each', this.#block('each', (value, options, self) => each.call(self, value, options)))
    return hb
  }

  #output(value: unknown): unknown {
    if (this.#keepType) this.#result = value
    return this.#keepType ? '' : writeAs(this.#format, value)
  }

  /** A helper as Handlebars calls it: arguments are checked, and errors get their place. */
  #checked(name: string, helper: Helper): HelperDelegate {
    const engine = this
    return function (this: unknown, ...all: unknown[]) {
      const { loc } = all.pop() as Options
      const written = engine.#written.get(placeOf(loc)) ?? []
      const missing = all.findIndex((arg, index) => arg === undefined && !(name === 'default' && index === 0))
      if (missing >= 0) throw problemAt(loc, `${written[missing] ?? 'a value'} is not defined`)
      const args = all.map((arg) => (arg instanceof Rendered && name !== '' ? arg.text : arg))
      try {
        return helper(args)
      } catch (cause) {
        if (cause instanceof TemplateProblem) throw cause
        const { message } = cause as Error
        // Messages of outputs show how to write it with the expression's own words.
        throw problemAt(loc, name ? `${name} ${message}` : `${written[0] ?? 'a value'} ${message.replaceAll('NAME', () => written[0] ?? 'x')}`, cause)
      }
    }
  }

  #block(name: string, apply: (value: unknown, options: Options, self: unknown) => string): HelperDelegate {
    const engine = this
    return function (this: unknown, ...all: unknown[]) {
      const options = all.pop() as Options
      const written = engine.#written.get(placeOf(options.loc))?.[0] ?? 'a value'
      if (all.length !== 1) throw problemAt(options.loc, `{{#${name}}} takes one argument, got ${all.length}`)
      if (all[0] === undefined) throw problemAt(options.loc, `${written} is not defined`)
      if (name === 'if' || name === 'unless') rethrowAt(options.loc, written, () => holds(all[0]))
      if (name === 'each' && (typeof all[0] !== 'object' || all[0] === null)) throw problemAt(options.loc, `{{#each}} needs a list or a map, and ${written} is neither`)
      return apply(all[0], options, this)
    }
  }
}

function rethrowAt(loc: Loc, written: string, check: () => unknown): void {
  try {
    check()
  } catch (cause) {
    throw problemAt(loc, `${written} ${(cause as Error).message}`, cause)
  }
}
