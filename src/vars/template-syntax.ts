/** The syntax of templates: parsing with places and hints, what is refused, and the rewriting that makes Handlebars strict. */
import { handlebars, type Block, type Call, type Expression, type Library, type Loc, type Mustache, type Node, type Path, type Program } from './handlebars.ts'
import { didYouMean } from '../suggest.ts'
import { isPoison } from './layer.ts'

/** What is wrong with a template, and where in it; lines and columns count from 1. */
export class TemplateProblem extends Error {
  readonly line: number | undefined
  readonly column: number | undefined
  readonly hint: string | undefined
  constructor(message: string, at: { line?: number | undefined; column?: number | undefined; hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: at.cause })
    this.line = at.line
    this.column = at.column
    this.hint = at.hint
  }
}

/** True when `text` has to be rendered at all. */
export function isTemplate(text: string): boolean {
  return text.includes('{{') || /(?<![{$])\{[%#]/.test(text)
}

/** The helper that every output goes through. */
export const OUTPUT = '$output'
const BLOCKS = new Set(['if', 'unless', 'each', 'with'])

/** The key of a place in a template. */
export function placeOf(loc: Loc): string {
  return `${loc.start.line}:${loc.start.column}`
}

/** A problem at a node. */
export function problemAt(loc: Loc, message: string, cause?: unknown, hint?: string): TemplateProblem {
  return new TemplateProblem(message, { line: loc.start.line, column: loc.start.column + 1, cause, hint })
}

/** Jinja's statements and comments would pass through as text. */
function refuseJinja(source: string): void {
  const found = /(?<![{$])\{[%#]/.exec(source)
  if (!found) return
  const before = source.slice(0, found.index).split('\n')
  throw new TemplateProblem(`${found[0]} … is Jinja, and templates here are Handlebars`, {
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    hint: 'write {{#if x}}…{{else}}…{{/if}}, {{#each list}}…{{/each}}, {{! comment }}',
  })
}

/** @throws TemplateProblem with line and column. */
export function parse(source: string): Program {
  refuseJinja(source)
  try {
    return handlebars().parse(source)
  } catch (cause) {
    const message = (cause as Error).message
    const located = cause as { lineNumber?: number; column?: number }
    const place = located.lineNumber === undefined ? placeOfParseError(source, message) : { line: located.lineNumber, column: (located.column ?? 0) + 1 }
    const got = / got '(\w+)'/.exec(message)?.[1]
    const what = got === 'EOF' ? 'it ends too early: a {{#block}} or {{ is not closed' : message.startsWith('Parse error') || message.startsWith('Lexical') ? 'not a Handlebars expression' : message.split(' - ')[0]
    throw new TemplateProblem(String(what), { ...place, cause, hint: hintFor(source) })
  }
}

/** Handlebars shows the place only as a picture: the last characters before it, and a caret under the line. */
function placeOfParseError(source: string, message: string): { line?: number; column?: number } {
  const [first = '', picture = '', caret = ''] = message.split('\n')
  const line = Number(/on line (\d+)/.exec(first)?.[1] ?? 1)
  const width = caret.indexOf('^')
  const before = picture.slice(0, Math.max(width, 0)).replace(/^\.\.\./, '')
  const lines = source.split('\n')
  for (let number = line; number >= 1; number--) {
    const flat = lines.slice(0, number).join('')
    const index = flat.indexOf(before, Math.max(0, lines.slice(0, number - 1).join('').length - before.length))
    if (index >= 0) return { line: number, column: Math.max(1, index + before.length - lines.slice(0, number - 1).join('').length + 1) }
  }
  return { line }
}

function hintFor(source: string): string {
  const filter = /\{\{-?\s*([^}|]+?)\s*\|\s*(\w+)\s*(?:\(([^)]*)\))?\s*-?\}\}/.exec(source)
  if (filter) {
    const args = (filter[3] ?? '').split(',').map((arg) => arg.trim().replace(/^'(.*)'$/, '"$1"'))
    return `Jinja's filters are helpers here: {{${[filter[2], filter[1], ...args].filter(Boolean).join(' ')}}}`
  }
  const index = /\{\{\s*([\w.]+)(?:\[(\d+)\]|\.(\d+))\s*\}\}/.exec(source)
  if (index) return `an element of a list is written {{ ${index[1]}.[${index[2] ?? index[3]}] }}`
  return 'see docs/templates.md: {{ name }}, {{ a.b.[0] }}, {{helper x "text"}}, {{helper (other x) y}}'
}

/**
 * Checks a parsed template and rewrites `{{x}}` to `{{$output x}}` and `{{h x}}` to `{{$output (h x)}}`.
 * Returns how the arguments of each call were written, by the place of the call.
 */
export function prepare(program: Program, helpers: ReadonlySet<string>): Map<string, readonly string[]> {
  const written = new Map<string, readonly string[]>()
  const note = (node: { loc: Loc }, params: readonly Expression[]): void => void written.set(placeOf(node.loc), params.map(wording))
  const checkCall = (node: Call | Mustache | Block, allowed: ReadonlySet<string>, sign = ''): void => {
    const name = wording(node.path)
    if (!allowed.has(name)) throw problemAt(node.loc, `there is no helper ${sign}${name}`, undefined, didYouMean(name, allowed) ?? (sign ? `blocks: ${[...allowed].sort().join(', ')}` : 'docs/templates.md lists them'))
    if (node.hash && node.hash.pairs.length > 0) throw problemAt(node.loc, `${name} takes no ${node.hash.pairs[0]?.key}=`)
  }
  class Preparer extends (handlebars().Visitor as new () => InstanceType<Library['Visitor']>) {
    override MustacheStatement(node: Mustache): void {
      if (!node.escaped) throw problemAt(node.loc, 'three braces are refused: every value is escaped for its document', undefined, `write {{${wording(node.path)}}}`)
      const call = node.params.length > 0 || node.hash
      if (call) checkCall(node, helpers)
      const value = call ? ({ type: 'SubExpression', path: node.path, params: node.params, hash: node.hash, loc: node.loc } as Call) : node.path
      super.MustacheStatement(node)
      // The call's own arguments are noted under the place of its path, the output's under the mustache's.
      if (call) (value as Call).loc = node.path.loc
      if (call) note(node.path, node.params)
      note(node, [value as Expression])
      node.path = { type: 'PathExpression', data: false, depth: 0, parts: [OUTPUT], original: OUTPUT, loc: node.loc } as Path
      node.params = [value as Expression]
      delete (node as { hash?: unknown }).hash
    }
    override SubExpression(node: Call): void {
      checkCall(node, helpers)
      note(node, node.params)
      super.SubExpression(node)
    }
    override BlockStatement(node: Block): void {
      checkCall(node, BLOCKS, '#')
      note(node, node.params)
      super.BlockStatement(node)
    }
    override PathExpression(node: Path): void {
      const bad = node.parts.find((part) => typeof part === 'string' && isPoison(part))
      if (bad) throw problemAt(node.loc, `${String(bad)} cannot be reached from a template`)
    }
    override PartialStatement(node: Node): void {
      throw problemAt(node.loc, 'partials ({{> name}}) are not supported')
    }
    override PartialBlockStatement(node: Node): void {
      throw problemAt(node.loc, 'partials ({{#> name}}) are not supported')
    }
    override DecoratorBlock(node: Node): void {
      throw problemAt(node.loc, 'decorators ({{#*name}}) are not supported')
    }
    override Decorator(node: Node): void {
      throw problemAt(node.loc, 'decorators ({{*name}}) are not supported')
    }
  }
  new Preparer().accept(program)
  return written
}

function wording(node: Node): string {
  if (node.type === 'PathExpression') return (node as Path).original
  if (node.type === 'SubExpression') {
    const call = node as Call
    return `(${[call.path, ...call.params].map(wording).join(' ')})`
  }
  return 'original' in node ? JSON.stringify(node.original) : node.type
}
