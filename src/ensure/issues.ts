/** Mistakes in arguments, in words. */
import type { z } from 'zod'

/** One line per mistake: `where: what`. Of the forms that an argument may have, the one that was meant is explained. */
export function explainIssues({ issues }: Pick<z.ZodError, 'issues'>): string[] {
  return [...new Set(issues.flatMap((issue) => explain(issue, [])))]
}

type Issue = z.core.$ZodIssue

function explain(issue: Issue, above: readonly PropertyKey[]): string[] {
  const path = [...above, ...issue.path]
  const forms: readonly Issue[][] = issue.code === 'invalid_union' ? issue.errors : []
  // The form that was meant is the one whose kind (text, list, map) is right, and that fails further in.
  const meant = forms.find((form) => form.length > 0 && form.every((one) => one.path.length > 0 || (one.code !== 'invalid_type' && one.code !== 'invalid_union'))) ?? forms.find((form) => form.some((one) => one.code === 'invalid_union' && one.path.length === 0))
  if (meant !== undefined) return meant.flatMap((one) => explain(one, path))
  return [`${path.map(String).join('.') || 'arguments'}: ${inWords(issue)}`]
}

/** Kinds of values as people call them. */
const KINDS: Readonly<Record<string, string>> = { string: 'text', array: 'a list', object: 'a map', record: 'a map', boolean: 'true or false', number: 'a number', int: 'a whole number' }

/** Where the schema itself has no words for it: what kind of value was expected. */
function inWords({ code, message }: Issue): string {
  const [, expected, received] = (code === 'invalid_type' && /^Invalid input: expected (\w+), received (\w+)$/.exec(message)) || []
  if (expected === undefined || received === undefined) return message
  const wanted = KINDS[expected] ?? expected
  return received === 'undefined' ? `not set, expected ${wanted}` : `expected ${wanted}, got ${KINDS[received] ?? received}`
}

