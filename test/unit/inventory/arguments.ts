/** Command lines of conformance cases, which are written for a shell. */
import { execFileSync } from 'node:child_process'

/** The sources (`-i`), the host (`--host`) and the extra variables (`-e`) of a case. */
export function splitArguments(text: string): { sources: string[]; host: string | undefined; extra: string[] } {
  const words = execFileSync('sh', ['-c', `printf '%s\\0' ${text}`], { encoding: 'utf8' }).split('\0').slice(0, -1)
  const all = (option: string): string[] => words.flatMap((word, index) => (word === option ? [words[index + 1] as string] : []))
  return { sources: all('-i'), host: all('--host')[0], extra: all('-e') }
}
