/** Which tasks `--tags` and `--skip-tags` choose; as in Ansible (docs: "Tags", special tags). */

/** What the command line says. */
export interface TagChoice {
  /** Empty means all. */
  readonly only: readonly string[]
  readonly skip: readonly string[]
}

/** Tags that mean something by themselves and need no task that has them. */
export const SPECIAL_TAGS: readonly string[] = ['all', 'always', 'never', 'tagged', 'untagged']

/** Whether a task with these tags (its own and inherited ones) runs. */
export function isChosen(tags: readonly string[], { only, skip }: TagChoice): boolean {
  const has = (tag: string): boolean => tags.includes(tag)
  const anyOf = (names: readonly string[]): boolean => names.some((name) => has(name) || (name === 'untagged' && tags.length === 0))
  const wanted = only.length === 0 ? ['all'] : only
  const never = has('never')
  const chosen = has('always') || anyOf(wanted) || (!never && (wanted.includes('all') || (wanted.includes('tagged') && tags.length > 0)))
  if (!chosen) return false
  if (skip.includes('all')) return has('always') && !skip.includes('always')
  return !anyOf(skip) && !(skip.includes('tagged') && tags.length > 0)
}
