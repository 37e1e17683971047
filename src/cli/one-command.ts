/** One command as a recipe of one task, so that `exec` goes the way of every run. */
import { recipe, task, type Recipe } from '../recipe/index.ts'

/** The command, and how it is run. */
export interface OneCommand {
  /** A single word is a line for the host's shell; of several words each arrives as it is. */
  readonly words: readonly string[]
  /** Names of hosts, groups, patterns. */
  readonly pattern: string
  /** Seconds after which it is ended. */
  readonly timeout: number | undefined
}

/** The recipe. It takes no lock, waits for no other host, and leaves privilege to `--become` and the inventory. */
export function oneCommand({ words, pattern, timeout }: OneCommand): Recipe {
  const line = words.length === 1 ? words[0] : undefined
  const run = task('command', async ({ host, fail }) => {
    const options = { nothrow: true, ...(timeout === undefined ? {} : { timeout: `${timeout}s` as const }) }
    const began = performance.now()
    await host.change({ summary: line ?? words.join(' ') }, async ($) => {
      const shell = $(options)
      const { exitCode, signal } = await (line === undefined ? shell`${[...words]}` : shell`sh -c ${line}`)
      // Why: with nothrow a command that ran out of time ends like any other that was killed.
      if (timeout !== undefined && exitCode !== 0 && performance.now() - began >= timeout * 1000) fail(`not done after ${timeout} s`)
      if (exitCode !== 0) fail(exitCode === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${exitCode}`)
    })
  })
  return recipe({ description: 'the command', hosts: pattern, become: undefined, lock: false, tasks: [run] })
}
