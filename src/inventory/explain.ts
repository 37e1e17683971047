/** Why a host's variables are what they are: every layer that set them, where, and what came of it. */
import { InputError } from '../errors.ts'
import { MASK, masked } from '../secrets.ts'
import { didYouMean } from '../suggest.ts'
import type { Scope, Setting } from '../vars/scope.ts'
import type { Inventory } from './inventory.ts'
import { MAGIC, scopeFor, type ScopeLayers } from './scope.ts'

/** A variable, what was said about it (the lowest layer first), and its value; secrets are masked. */
export interface ExplainedVariable {
  readonly name: string
  readonly settings: readonly Setting[]
  /** Templates rendered; absent when they cannot be. */
  readonly value?: unknown
  /** Why they cannot be. */
  readonly problem?: string
}

/**
 * Explains the variables named, or all that somebody wrote (not the magic ones), in alphabetical order.
 * @throws InputError for a name that is no host, or no variable of it.
 */
export function explainVariables(inventory: Inventory, host: string, names: readonly string[], layers: ScopeLayers = {}): ExplainedVariable[] {
  const scope = scopeFor(inventory, host, layers)
  for (const name of names) {
    if (!scope.has(name)) throw new InputError('undefined-variable', `no layer sets the variable ${name} of ${host}`, { hint: didYouMean(name, scope.names()) })
  }
  if (names.length > 0) return names.map((name) => explained(scope, name))
  return scope.names().sort().map((name) => explained(scope, name)).filter(({ settings }) => settings.some(({ layer }) => layer !== MAGIC))
}

function explained(scope: Scope, name: string): ExplainedVariable {
  const settings = scope.explain(name)
  const winner = settings.at(-1)
  if (winner?.problem !== undefined) return { name, settings, problem: winner.problem }
  const value = winner !== undefined && 'rendered' in winner ? winner.rendered : winner?.value
  return { name, settings, value: value === undefined ? MASK : masked(value) }
}
