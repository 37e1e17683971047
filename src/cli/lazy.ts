/**
 * What commands load only when they need it.
 * Why apart: in modules whose default export is an expression tsc 5.9 leaves the `.ts` of dynamic imports as it is.
 */

/** One command as a recipe: it brings the authoring API along. */
export function loadOneCommand(): Promise<typeof import('./one-command.ts')> {
  return import('./one-command.ts')
}

/** Writing journals, past the runner's door: nothing else of the runner is needed for it. */
export function loadJournal(): Promise<typeof import('../run/journal.ts')> {
  return import('../run/journal.ts')
}

/** What `--extra-vars` means, without the other ways to come by variables. */
export function loadExtraVars(): Promise<typeof import('../vars/extra.ts')> {
  return import('../vars/extra.ts')
}

/** Reading journals, in the same way. */
export function loadHistory(): Promise<typeof import('../run/history.ts')> {
  return import('../run/history.ts')
}
