/** Differences as unified diffs. The only file that knows the package `diff`. */
import { createRequire } from 'node:module'
import type * as Diffs from 'diff'
import type { Diff } from '../events.ts'
import { clean, paint, type Look } from './text.ts'

/** Loaded with the first difference that is shown. */
let library: typeof Diffs | undefined

/** The lines of a unified diff with three lines of context; titles say which side is which. */
export function unifiedDiff({ title, before, after }: Diff, colour: boolean): string[] {
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = (library ??= createRequire(import.meta.url)('diff') as typeof Diffs)
  const patch = createTwoFilesPatch('', '', before, after, '', '', { context: 3, headerOptions: FILE_HEADERS_ONLY })
  // The library writes names as git does, in which an é is `\\303\\251`.
  const headers = [before === '' ? '--- nothing' : `--- ${title}\tis`, after === '' ? '+++ nothing' : `+++ ${title}\tshall be`]
  return [...headers, ...patch.trimEnd().split('\n').slice(2)]
    .map((text) => paint(lookOf(text), text.split('\t').map(clean).join('\t'), colour))
}

function lookOf(text: string): Look | undefined {
  if (text.startsWith('---') || text.startsWith('+++')) return 'bold'
  if (text.startsWith('@@')) return 'cyan'
  if (text.startsWith('+')) return 'green'
  return text.startsWith('-') ? 'red' : undefined
}
