/** The pages that users read: their names, texts, headings and links. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packaged } from '../../../src/paths.ts'

/** Pages below the project's directory, by name. */
export const PAGES: readonly string[] = [
  'README.md', 'CHANGELOG.md',
  ...readdirSync(packaged('docs')).filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
  ...readdirSync(packaged('examples'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => join('examples', name)),
]

export function textOf(page: string): string {
  return readFileSync(packaged(page), 'utf8')
}

/** A page without its blocks of code, in which `](` and `#` mean something else. */
function prose(page: string): string {
  return textOf(page).replace(/^( *)```[^]*?^\1```/gm, '')
}

/** Targets of a page's links, as they stand there. */
export function linksOf(page: string): string[] {
  return [...prose(page).replace(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** Anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))
}
