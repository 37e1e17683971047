/** Command lines of conformance cases, which are written for a shell. */
import { execFileSync } from 'node:child_process'

/** All words of a case, and what is named by some: the sources (`-i`), the host (`--host`), the extra variables (`-e`). */
export function splitArguments(text: string): { sources: string[]; host: string | undefined; extra: string[]; words: string[] } {
  const words = /^[\w ./,-]*$/.test(text) ? text.split(' ') : shellWords(text)
  const all = (option: string): string[] => words.flatMap((word, index) => (word === option ? [words[index + 1] as string] : []))
  return { sources: all('-i'), host: all('--host')[0], extra: all('-e'), words }
}

function shellWords(text: string): string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${text}`], { encoding: 'utf8' }).split('\0').slice(0, -1)
}
