/** `--only debian_12/amd64`: the machines that are wanted this time. */
import { entryName, type MatrixEntry } from '../definitions/index.ts'

/** Selects entries by `platform/target` or by the machine's name, `*` for any characters; undefined selects all. */
export function onlyThese(words: readonly string[] | undefined): (entry: MatrixEntry) => boolean {
  if (words === undefined || words.length === 0) return () => true
  const patterns = words.map((word) => new RegExp(`^${word.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.*')}$`))
  return (entry) => patterns.some((pattern) => pattern.test(`${entry.platform}/${entry.target}`) || pattern.test(entryName(entry)))
}
