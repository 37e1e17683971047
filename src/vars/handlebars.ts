/** The only file that imports handlebars. Loaded by the first template: it costs 35 ms. */
import { createRequire } from 'node:module'
import type Handlebars from 'handlebars'

export type Library = typeof Handlebars
export type HelperDelegate = Handlebars.HelperDelegate
export type Program = hbs.AST.Program
export type Node = hbs.AST.Node
export type Expression = hbs.AST.Expression
export type Mustache = hbs.AST.MustacheStatement
export type Block = hbs.AST.BlockStatement
export type Call = hbs.AST.SubExpression
export type Path = hbs.AST.PathExpression
export type Loc = hbs.AST.SourceLocation

/** What Handlebars gives a helper after its arguments; `loc` is missing in its own types. */
export interface Options extends Handlebars.HelperOptions {
  readonly loc: Loc
}

const require = createRequire(import.meta.url)
let library: Library | undefined

/** The library; not the package's main file, which hooks into require(). */
export function handlebars(): Library {
  library ??= (require('handlebars/dist/cjs/handlebars') as { default: Library }).default
  return library
}
