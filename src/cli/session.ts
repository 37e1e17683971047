/** What `run` and `exec` have in common: a report, a journal, and the one place where secrets are taken out of both. */
import type { EventSink } from '../events.ts'
import { toFailure } from '../failure.ts'
import { shellQuote } from '../quote.ts'
import { withoutSecrets, type JunitReport, type Report } from '../report/index.ts'
import type { Journal } from '../run/journal.ts'
import { MASK, masked } from '../secrets.ts'
import type { CommandContext } from './command.ts'
import { loadExtraVars, loadJournal } from './lazy.ts'
import { version } from './version.ts'

/** What a command works with while its report is shown. */
export interface Session {
  /** Takes all events: secrets are gone from what comes out of it. */
  readonly sink: EventSink
  warn(message: string): void
  /** Begins the journal of what is run; resolves with the run's id. */
  begin(name: string): Promise<string>
}

/** What a session needs of a command's context. */
type Context = Pick<CommandContext, 'argv' | 'io'> & { readonly options: { readonly 'extra-vars': readonly string[] } }

/**
 * Does `work` with a report that is ended whatever happens.
 *
 * @param junit takes all events too, and is ended as well.
 * @param tellsErrors whether the report tells of what is thrown: people are told by main.ts, scripts by an event.
 */
export async function inSession({ argv, options, io: { interrupted } }: Context, report: Report, tellsErrors: boolean, work: (session: Session) => Promise<number>, junit?: JunitReport): Promise<number> {
  const { Journal: RunJournal, newRunId } = await loadJournal()
  let journal: Journal | undefined
  let early: Parameters<EventSink>[0][] = []
  const keep: EventSink = (event) => {
    if (journal === undefined) early.push(event)
    else journal.sink(event)
  }
  const sink = withoutSecrets(report.sink, keep, ...(junit === undefined ? [] : [junit.sink]))
  const warn = (message: string): void => { sink({ type: 'note', time: Date.now(), level: 'warning', message }) }
  const begin = async (name: string): Promise<string> => {
    const run = newRunId(name)
    const { withoutValues } = await loadExtraVars()
    const shown = masked(hideValues(argv, options['extra-vars'], withoutValues).map(hideAssigned))
    const complaints: string[] = []
    const opened = RunJournal.open({ run, name, farm: version(), argv: shown, cwd: process.cwd() }, (message) => {
      if (journal === undefined) complaints.push(message)
      else warn(message)
    })
    journal = opened
    for (const event of early) opened.sink(event)
    early = []
    complaints.forEach(warn)
    return run
  }
  const say = interrupted?.say
  if (interrupted !== undefined) interrupted.say = warn
  try {
    return await work({ sink, warn, begin })
  } catch (error) {
    const failure = masked({ type: 'failure' as const, time: Date.now(), failure: toFailure(error) })
    if (tellsErrors) report.sink(failure)
    keep(failure)
    junit?.sink(failure)
    throw error
  } finally {
    if (interrupted !== undefined && say !== undefined) interrupted.say = say
    await report.end()
    journal?.close()
    junit?.end()
  }
}

/** The arguments without the values of `--extra-vars`, however the option was typed: which of them are secret the recipe alone knows. */
function hideValues(argv: readonly string[], values: readonly string[], withoutValues: (value: string) => string): string[] {
  const own = argv.includes('--') ? argv.indexOf('--') : argv.length
  return argv.map((word, index) => {
    // The longest that fits: one value may be the end of another.
    const value = index < own ? values.filter((each) => word.endsWith(each) && BEFORE_VALUE.test(word.slice(0, -each.length))).sort((a, b) => b.length - a.length)[0] : undefined
    return value === undefined ? word : word.slice(0, -value.length) + withoutValues(value)
  })
}

/** What may stand before the value in the same word: `--extra-vars=`, `-e`, `-e=`, `-ve`. */
const BEFORE_VALUE = /^(?:--extra-vars=|-[a-zA-Z]*e=?)?$/u

/** Values of what is called a password in a command: nobody has said that they are secret. */
function hideAssigned(word: string): string {
  return word.replaceAll(/((?:pass(?:word|phrase|wd)?|secret|token|api_?key)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,}]+)/giu, (_whole, name: string) => name + MASK)
}

/** How the user calls farm again: through npx if that is how it was called, with the same inventory and the same passwords. */
export function callAgain({ options, io: { env } }: Pick<CommandContext, 'io'> & { readonly options: CallOptions }): (command: string) => string {
  const farm = env['npm_command'] === undefined ? 'farm' : 'npx farm'
  const flags = [
    ...options.inventory.map((source) => `-i ${shellQuote(source)}`),
    ...options['vault-password-file'].map((file) => `--vault-password-file ${shellQuote(file)}`),
    ...options['vault-id'].map((id) => `--vault-id ${shellQuote(id)}`),
    ...(options['ask-vault-pass'] ? ['-J'] : []),
    ...(options['ask-become-pass'] ? ['-K'] : []),
  ].map((flag) => ` ${flag}`).join('')
  return (command) => {
    const [name = '', ...words] = command.split(' ')
    return [`${farm} ${name}${flags}`, ...words].join(' ')
  }
}

interface CallOptions {
  readonly inventory: readonly string[]
  readonly 'vault-password-file': readonly string[]
  readonly 'vault-id': readonly string[]
  readonly 'ask-vault-pass': boolean
  readonly 'ask-become-pass': boolean
}
