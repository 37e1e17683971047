import { EXIT, UsageError } from '../../errors.ts'
import type { Event } from '../../events.ts'
import { clean, createReport, cut, paint, seconds, wantsColour, type Look } from '../../report/index.ts'
import type { PastRun, RunVerdict } from '../../run/history.ts'
import { shellQuote } from '../../quote.ts'
import { didYouMean } from '../../suggest.ts'
import { command, type CommandContext } from '../command.ts'
import { loadHistory } from '../lazy.ts'
import { SHARED } from '../options.ts'
import { table } from '../table.ts'

const LOOKS: Readonly<Record<RunVerdict, Look | undefined>> = {
  done: 'green', 'changes pending': 'yellow', failed: 'red', unreachable: 'red', interrupted: 'red', 'under way': 'cyan', 'cut off': 'red',
}

/** `farm log [RUN]`: runs of the past. */
export default command({
  name: 'log',
  summary: 'list runs of the past, or show one again',
  usage: '[RUN] [options]',
  about: 'RUN is an id from the list, its beginning or its end, or `last`. Every `farm run` and `farm exec` leaves a journal in $XDG_STATE_HOME/farm/runs; those of the last hundred are kept.',
  options: {
    host: { kind: 'words', value: 'HOSTS', help: 'only what concerns these hosts' },
    'failed-hosts': { kind: 'flag', help: 'only the names of hosts that failed, one a line: for `--limit @FILE`' },
    diff: { kind: 'flag', short: 'D', help: 'show the difference of every change' },
    json: { ...SHARED.json, help: 'print the events, one JSON object a line; without RUN the list of runs' },
    verbose: { kind: 'count', short: 'v', help: '-v: what commands printed; -vv: each task\'s beginning too' },
  },
  words: [0, 1],
  examples: [
    ['farm log', 'the last runs, newest first'],
    ['farm log last -v', 'the last run again, with all that commands printed'],
    ['farm log last --failed-hosts > again', 'then: farm run RECIPE --limit @again'],
  ],
  async run(context) {
    const { words: [typed], options, io, print, printJson } = context
    const { findRun, listRuns } = await loadHistory()
    if (typed === undefined && !options['failed-hosts']) {
      const runs = listRuns()
      if (options.json) printJson(runs)
      else if (runs.length === 0) print('There has been no run yet: farm run provision-cluster')
      else print(...runTable(runs, wantsColour(io.env, io.stdout)))
      return EXIT.done
    }
    const run = findRun(typed ?? 'last')
    return options['failed-hosts'] ? printFailedHosts(run, context) : replay(run, context)
  },
})

type Context = Pick<CommandContext, 'io' | 'print'> & { readonly options: { readonly host: readonly string[]; readonly json: boolean; readonly diff: boolean; readonly verbose: number } }

function runTable(runs: readonly PastRun[], colour: boolean): string[] {
  const rows = runs.map(({ run, time, name, header, check, hosts, verdict, seconds: took }) => [
    run, when(time), `${what(name, header.argv)}${check ? ' (check)' : ''}`, hosts === undefined ? '-' : String(hosts), took === undefined ? '-' : seconds(took), verdict,
  ])
  const [heading = '', ...lines] = table(['RUN', 'WHEN', 'RECIPE', 'HOSTS', 'TOOK', 'VERDICT'], rows, colour)
  return [heading, ...lines.map((line, index) => colourEnd(line, runs[index]?.verdict, colour))]
}

/** A recipe's name, or the command that was run. */
function what(name: string, argv: readonly string[]): string {
  return name === 'exec' && argv.includes('--') ? cut(`exec ${argv.slice(argv.indexOf('--') + 1).join(' ')}`, 30) : name
}

/** The table makes colours harmless like all foreign text: the verdict, its last column, is coloured behind it. */
function colourEnd(line: string, verdict: RunVerdict | undefined, colour: boolean): string {
  return verdict === undefined ? line : line.slice(0, -verdict.length) + paint(LOOKS[verdict], verdict, colour)
}

async function replay(run: PastRun, { options, io, print }: Context): Promise<number> {
  const { readEvents } = await loadHistory()
  const wanted = new Set(options.host)
  const colour = wantsColour(io.env, io.stdout)
  const report = await createReport(options.json ? 'json' : 'plain', { out: io.stdout, err: io.stderr }, { colour, diff: options.diff, verbosity: options.verbose })
  if (!options.json) print(paint('faint', `${run.run}  ${when(run.time)}  ${clean(['farm', ...run.header.argv.map(shellQuote)].join(' '))}`, colour))
  let passed = 0
  for await (const event of readEvents(run.run)) {
    if (event.type === 'run-start') checkHosts(options.host, event.hosts)
    const shown = wanted.size === 0 ? event : ofHosts(event, wanted)
    if (shown !== undefined) report.sink(shown)
    // A long journal is read faster than a slow reader takes it.
    if ((passed += 1) % 1000 === 0) await roomIn(io.stdout)
    if (io.signal.aborted || io.stdout.destroyed) break
  }
  await report.end()
  if (!options.json && (run.verdict === 'cut off' || run.verdict === 'under way')) print('', paint(LOOKS[run.verdict], run.verdict === 'cut off' ? 'cut off: farm ended without a word' : 'under way', colour))
  return EXIT.done
}

function checkHosts(asked: readonly string[], known: readonly string[]): void {
  const unknown = asked.find((host) => !known.includes(host))
  if (unknown !== undefined) throw new UsageError('unknown-host', `the run did not work on a host ${unknown}`, { hint: didYouMean(unknown, known) ?? `its hosts: ${known.join(', ')}` })
}

/** What of an event concerns the hosts; undefined when nothing does. */
function ofHosts(event: Event, wanted: ReadonlySet<string>): Event | undefined {
  if (event.type === 'run-start' || event.type === 'stage') return { ...event, hosts: event.hosts.filter((host) => wanted.has(host)) }
  if (event.type === 'run-end') return { ...event, recap: only(event.recap, wanted), undone: only(event.undone, wanted) }
  const host = event.type === 'failure' ? event.failure.host : event.host
  return host === undefined || wanted.has(host) ? event : undefined
}

function only<Value>(record: Readonly<Record<string, Value>>, wanted: ReadonlySet<string>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([host]) => wanted.has(host)))
}

async function printFailedHosts(run: PastRun, { print }: Pick<Context, 'print'>): Promise<number> {
  const { readEvents } = await loadHistory()
  const failed = new Set<string>()
  for await (const event of readEvents(run.run)) {
    if (event.type === 'task-end' && event.pardon === undefined && (event.outcome === 'failed' || event.outcome === 'unreachable')) failed.add(event.host)
    // A run that was broken off has hosts left that did not fail and did not get through.
    if (event.type === 'run-end') for (const host of Object.keys(event.undone)) failed.add(host)
    if (event.type === 'failure' && event.failure.host !== undefined) failed.add(event.failure.host)
  }
  if (failed.size > 0) print(...failed)
  return EXIT.done
}

function roomIn(out: CommandContext['io']['stdout']): Promise<void> {
  if (!out.writableNeedDrain || out.destroyed) return new Promise((resolve) => { setImmediate(resolve) })
  return new Promise((resolve) => {
    const done = (): void => {
      out.off('drain', done).off('close', done).off('error', done)
      resolve()
    }
    out.on('drain', done).on('close', done).on('error', done)
  })
}

/** Local date and time: `2026-11-21 00:32:38`. */
function when(time: number): string {
  const date = new Date(time)
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}
