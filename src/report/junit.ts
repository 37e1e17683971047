/** A run as JUnit XML, which CI servers read: a test suite for each host, a test case for each task. */
import { accessSync, constants, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Event, EventSink, Failure } from '../events.ts'
import { formatFailure } from './failure.ts'

/** Lines of output kept of one task: its last. */
const MOST_LINES = 1_000

type TaskEnd = Extract<Event, { type: 'task-end' }>

interface Case {
  readonly name: string
  readonly seconds: number
  /** What stands in the element, as XML. */
  readonly body: readonly string[]
  readonly verdict: 'passed' | 'failed' | 'error' | 'skipped'
}

/** Collects a run's events, secrets masked already, and writes the file when the run has ended, however it did. */
export class JunitReport {
  readonly #file: string
  readonly #cases = new Map<string, Case[]>()
  /** By host, then by task: what commands have printed. */
  readonly #output = new Map<string, Map<string, string[]>>()
  #name = 'farm'
  #began: number | undefined

  /** Creates the file's directory. @throws UsageError `junit-file` when the file cannot be written there */
  constructor(file: string) {
    this.#file = resolve(file)
    try {
      mkdirSync(dirname(this.#file), { recursive: true })
      accessSync(dirname(this.#file), constants.W_OK)
      if (statSync(this.#file, { throwIfNoEntry: false })?.isDirectory() === true) throw new Error('it is a directory')
    } catch (cause) {
      throw new UsageError('junit-file', `the report ${file} cannot be written: ${(cause as Error).message}`, { location: { file: this.#file }, hint: 'nothing has been done; name another file by --junit', cause })
    }
  }

  readonly sink: EventSink = (event) => {
    switch (event.type) {
      case 'run-start':
        this.#name = event.recipe
        this.#began = event.time
        for (const host of event.hosts) this.#of(host)
        return
      case 'output':
        this.#keep(event.host, event.task, event.line)
        return
      case 'task-end':
        this.#add(event)
        return
      case 'failure':
        this.#of(event.failure.host ?? this.#name).push({ name: event.failure.step ?? 'the run', seconds: 0, verdict: 'error', body: [problem('error', event.failure)] })
        return
      case 'run-end':
        for (const [host, tasks] of Object.entries(event.undone)) {
          for (const name of tasks) this.#of(host).push({ name, seconds: 0, verdict: 'skipped', body: ['<skipped message="not begun"/>'] })
        }
        return
      default:
    }
  }

  /** Writes the file: all of it, or what was there before. @throws UsageError `junit-file` */
  end(): void {
    const draft = `${this.#file}.${process.pid}`
    try {
      writeFileSync(draft, this.#document())
      renameSync(draft, this.#file)
    } catch (cause) {
      rmSync(draft, { force: true })
      throw new UsageError('junit-file', `the report ${this.#file} cannot be written: ${(cause as Error).message}`, { cause })
    }
  }

  #of(suite: string): Case[] {
    let cases = this.#cases.get(suite)
    if (cases === undefined) this.#cases.set(suite, (cases = []))
    return cases
  }

  #keep(host: string, task: string, line: string): void {
    let tasks = this.#output.get(host)
    if (tasks === undefined) this.#output.set(host, (tasks = new Map<string, string[]>()))
    let lines = tasks.get(task)
    if (lines === undefined) tasks.set(task, (lines = []))
    if (lines.push(line) >= 2 * MOST_LINES) lines.splice(0, MOST_LINES)
  }

  #add({ host, task, outcome, seconds, message, failure, pardon }: TaskEnd): void {
    const lines = this.#output.get(host)?.get(task)?.slice(-MOST_LINES) ?? []
    this.#output.get(host)?.delete(task)
    const failed = outcome === 'failed' || outcome === 'unreachable'
    const counts = failed && pardon === undefined
    const told = failure ?? { code: outcome, message: message ?? outcome }
    const verdict = counts ? (outcome === 'unreachable' ? 'error' : 'failed') : outcome === 'skipped' ? 'skipped' : 'passed'
    const printed = [...(failed && !counts ? [`${pardon ?? ''}: ${told.message}`] : []), ...(failed ? lines : [])]
    this.#of(host).push({
      name: task,
      seconds,
      verdict,
      body: [
        ...(counts ? [problem(verdict === 'error' ? 'error' : 'failure', told)] : []),
        ...(verdict === 'skipped' ? [`<skipped message="${attribute(message ?? '')}"/>`] : []),
        ...(printed.length === 0 ? [] : [`<system-out>${escaped(printed.join('\n'))}</system-out>`]),
      ],
    })
  }

  #document(): string {
    // A host on which nothing was to be done is no suite.
    const suites = [...this.#cases].filter(([, cases]) => cases.length > 0)
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites name="${attribute(this.#name)}" ${totals(suites.flatMap(([, cases]) => cases))}>`,
      ...suites.flatMap(([host, cases]) => [
        `  <testsuite name="${attribute(host)}" ${totals(cases)}${this.#began === undefined ? '' : ` timestamp="${new Date(this.#began).toISOString().slice(0, 19)}"`}>`,
        ...cases.flatMap(({ name, seconds, body }) => {
          const start = `    <testcase classname="${attribute(`${this.#name}.${host}`)}" name="${attribute(name)}" time="${seconds.toFixed(3)}"`
          return body.length === 0 ? [`${start}/>`] : [`${start}>`, ...body.map((element) => `      ${element}`), '    </testcase>']
        }),
        '  </testsuite>',
      ]),
      '</testsuites>',
      '',
    ].join('\n')
  }
}

function problem(element: 'failure' | 'error', failure: Failure): string {
  return `<${element} message="${attribute(failure.message)}" type="${attribute(failure.code)}">${escaped(formatFailure(failure, { colour: false, prefix: '', stack: true }).join('\n'))}</${element}>`
}

function totals(cases: readonly Case[]): string {
  const count = (wanted: Case['verdict']): number => cases.filter(({ verdict }) => verdict === wanted).length
  const time = cases.reduce((sum, { seconds }) => sum + seconds, 0)
  return `tests="${cases.length}" failures="${count('failed')}" errors="${count('error')}" skipped="${count('skipped')}" time="${time.toFixed(3)}"`
}

/** Text in XML 1.0: what is no character there is left out. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"\r]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? '&#13;')
}

/** The same for attributes, in which line ends would become blanks. */
function attribute(text: string): string {
  return escaped(text).replace(/[\t\n]/g, (char) => `&#${char.charCodeAt(0)};`)
}
