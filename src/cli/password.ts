/** Asks for a password without showing it. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { UsageError } from '../errors.ts'
import type { Io } from './command.ts'

/**
 * Asks on the terminal, or takes the first line of standard input where there is none.
 *
 * @throws UsageError `no-password` when the input ends or the answer is empty.
 */
export async function askPassword(question: string, { stdin, stderr, signal }: Io): Promise<string> {
  const terminal = stdin.isTTY === true
  // readline echoes into its output; what is typed goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => { done() } })
  const lines = createInterface({ input: stdin, output: nowhere, terminal })
  if (terminal) stderr.write(`${question}: `)
  try {
    const ended = new Promise<string>((resolve) => { lines.once('close', () => { resolve('') }) })
    const answer = await Promise.race([lines.question('', { signal }), ended])
    if (answer === '') throw new UsageError('no-password', 'no password was given', { hint: 'leave -K away where none is needed' })
    return answer
  } finally {
    lines.close()
    if (terminal) stderr.write('\n')
  }
}
