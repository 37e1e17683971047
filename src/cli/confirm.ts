/** Asks a person before something is taken away. */
import { createInterface } from 'node:readline/promises'
import type { Io } from './command.ts'

/** Asks a yes-or-no question on the terminal; anything but `y` or `yes` is no, and so is an end of input. */
export async function confirm(question: string, { stdin, stderr, signal }: Io): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: stderr })
  const ended = new Promise<string>((resolve) => { lines.once('close', () => { resolve('') }) })
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), ended])
    return /^y(es)?$/iu.test(answer.trim())
  } finally {
    lines.close()
  }
}
