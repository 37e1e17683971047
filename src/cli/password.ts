/** Asks for passwords without showing them. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { InterruptedError, UsageError } from '../errors.ts'
import { conceal } from '../secrets.ts'
import type { Io } from './command.ts'

/** One password to ask for. */
export interface Question {
  /** Without a colon. */
  readonly text: string
  /** The option that made farm ask, for the hint where there is no answer. */
  readonly option: string
  /** What an empty answer means: the answer to the question before. */
  readonly sameAsLast?: boolean
}

/**
 * Asks on the terminal, or takes one line of standard input for each question where there is none. All answers are concealed.
 *
 * @throws UsageError `no-password` when the input ends or an answer is empty; InterruptedError on Ctrl-C.
 */
export async function askPasswords(questions: readonly Question[], { stdin, stderr, signal }: Io): Promise<string[]> {
  if (questions.length === 0) return []
  const terminal = stdin.isTTY === true
  // readline echoes into its output; what is typed goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => { done() } })
  // One reader for all questions: a second one would miss lines that the first has read already.
  const lines = createInterface({ input: stdin, output: nowhere, terminal })
  const waiting: ((line: string) => void)[] = []
  const read: string[] = []
  let over = false
  lines.on('line', (line) => { (waiting.shift() ?? ((late: string) => read.push(late)))(line) })
  lines.once('close', () => {
    over = true
    for (const give of waiting.splice(0)) give('')
  })
  const nextLine = (): Promise<string> => new Promise((resolve, reject) => {
    const line = read.shift()
    if (line !== undefined || over) resolve(line ?? '')
    else waiting.push(resolve)
    // In raw mode Ctrl-C is a character like any other, and reaches no signal handler.
    lines.once('SIGINT', () => { reject(new InterruptedError()) })
    signal.addEventListener('abort', () => { reject(signal.reason instanceof Error ? signal.reason : new InterruptedError()) }, { once: true })
  })
  try {
    const answers: string[] = []
    for (const { text, option, sameAsLast = false } of questions) {
      if (terminal) stderr.write(`${text}: `)
      const typed = await nextLine()
      if (terminal) stderr.write('\n')
      const answer = typed === '' && sameAsLast ? answers.at(-1) : typed
      if (answer === undefined || answer === '') throw new UsageError('no-password', 'no password was given', { hint: `leave ${option} away where none is needed` })
      conceal(answer)
      answers.push(answer)
    }
    return answers
  } finally {
    lines.close()
  }
}
