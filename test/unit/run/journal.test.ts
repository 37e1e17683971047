import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { UsageError } from '../../../src/errors.ts'
import type { Event } from '../../../src/events.ts'
import { findRun, listRuns, readEvents } from '../../../src/run/history.ts'
import { isUnderWay, Journal, journalFile, newRunId, processBirth, type JournalFacts } from '../../../src/run/journal.ts'

const START: Event = { time: 1, type: 'run-start', version: 1, run: 'r', recipe: 'r', hosts: ['web1', 'web2'], tasks: ['t'], check: false }
const counts = { ok: 1, changed: 0, skipped: 0, failed: 0, unreachable: 0, rescued: 0, ignored: 0 }

function runEnd(exitCode: number): Event {
  return { time: 3, type: 'run-end', recap: { web1: counts, web2: counts }, exitCode, seconds: 2, undone: {} }
}

function output(line: string): Event {
  return { time: 2, type: 'output', host: 'web1', task: 't', stream: 'stdout', line }
}

function facts(run: string): JournalFacts {
  return { run, name: 'r', farm: '1.2.3', argv: ['run', 'r'], cwd: '/' }
}

function refuse(message: string): void {
  throw new Error(message)
}

/** Does `work` with a directory that is gone afterwards. */
async function inDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'farm-test-'))
  try {
    await work(join(parent, 'state', 'runs'))
  } finally {
    await rm(parent, { recursive: true })
  }
}

/** Writes a whole run. */
function write(dir: string, run: string, events: readonly Event[]): void {
  const journal = Journal.open(facts(run), refuse, dir)
  for (const event of events) journal.sink(event)
  journal.close()
}

/** Makes a journal look as if a process that is gone had written it. */
async function orphan(dir: string, run: string): Promise<void> {
  const file = journalFile(run, dir)
  await writeFile(file, (await readFile(file, 'utf8')).replace(/"pid":\d+,"birth":"[^"]*"/, '"pid":1,"birth":"another boot:1"'))
}

describe('a journal', () => {
  test('holds a header and every event, and nobody else may read it', () => inDirectory(async (dir) => {
    write(dir, '1-r', [START, output('hello'), runEnd(0)])
    const lines = (await readFile(journalFile('1-r', dir), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line) as { type: string; argv?: unknown; pid?: number })
    assert.deepEqual(lines.map(({ type }) => type), ['journal', 'run-start', 'output', 'run-end'])
    assert.deepEqual([lines[0]?.argv, lines[0]?.pid], [['run', 'r'], process.pid])
    assert.equal((await stat(journalFile('1-r', dir))).mode & 0o777, 0o600)
    assert.equal((await stat(dir)).mode & 0o777, 0o700)
  }))

  test('can be read while the run is under way', () => inDirectory(async (dir) => {
    const journal = Journal.open(facts('1-r'), refuse, dir)
    journal.sink(START)
    for (let size = 0; size < 200_000; size += 100) journal.sink(output('x'.repeat(100)))
    assert.ok((await stat(journalFile('1-r', dir))).size > 130_000)
    assert.equal(listRuns(dir)[0]?.verdict, 'under way')
    journal.close()
  }))

  test('keeps events whole and in order, however long they are and whatever is in them', () => inDirectory(async (dir) => {
    const lines = Array.from({ length: 400 }, (_, index) => ['x', 'é', '日本', '🦊', '\u0007'][index % 5]?.repeat((index * 7919) % 9000) ?? '')
    lines.splice(200, 0, 'long'.repeat(100_000), '日'.repeat(90_000), '')
    write(dir, '1-r', [START, ...lines.map(output), runEnd(0)])
    const read: string[] = []
    for await (const event of readEvents('1-r', dir)) if (event.type === 'output') read.push(event.line)
    assert.deepEqual(read, lines)
  }))

  test('is whole when the process ends without closing it', () => inDirectory(async (dir) => {
    const extension = import.meta.url.endsWith('.js') ? 'js' : 'ts'
    const module = JSON.stringify(new URL(`../../../src/run/journal.${extension}`, import.meta.url).href)
    const load = extension === 'js' ? `await import(${module})` : `await (await import('jiti')).createJiti(process.cwd() + '/x.js').import(${module})`
    const child = spawn(process.execPath, ['--input-type=module', '-e', `
      const { Journal } = ${load}
      const journal = Journal.open(${JSON.stringify(facts('1-r'))}, console.error, ${JSON.stringify(dir)})
      journal.sink(${JSON.stringify(START)})
      process.exit(7)`], { stdio: 'inherit' })
    assert.deepEqual(await once(child, 'exit'), [7, null])
    assert.deepEqual([listRuns(dir)[0]?.verdict, listRuns(dir)[0]?.hosts], ['cut off', 2])
  }))

  test('that cannot be written complains once and disturbs nothing', () => inDirectory(async (dir) => {
    await mkdir(join(dir, '..'), { recursive: true })
    await writeFile(dir, 'a file stands in the way')
    const complaints: string[] = []
    const journal = Journal.open(facts('1-r'), (message) => complaints.push(message), dir)
    for (const event of [START, runEnd(0)]) journal.sink(event)
    journal.close()
    assert.equal(complaints.length, 1)
    assert.match(complaints[0] ?? '', /journal cannot be written/)
  }))

  test('of the oldest run goes when there are more than a hundred, but never that of a run under way', () => inDirectory(async (dir) => {
    const names = Array.from({ length: 101 }, (_, index) => `20260101-${String(index).padStart(6, '0')}-r-0000`)
    for (const name of names.slice(0, 100)) write(dir, name, [START, runEnd(0)])
    for (const name of names.slice(1, 100)) await orphan(dir, name)
    write(dir, names[100] ?? '', [])
    assert.deepEqual((await readdir(dir)).length, 101, 'the oldest belongs to this process, which lives')
    await orphan(dir, names[0] ?? '')
    write(dir, '20260102-000000-r-0000', [])
    const left = (await readdir(dir)).sort()
    assert.deepEqual([left.length, left[0]], [100, `${names[2] ?? ''}.ndjson`])
  }))
})

describe('runs of the past', () => {
  for (const [exitCode, verdict] of [[0, 'done'], [2, 'failed'], [65, 'failed'], [3, 'changes pending'], [4, 'unreachable'], [130, 'interrupted'], [143, 'interrupted']] as const) {
    test(`a run that ended with ${exitCode} is listed as "${verdict}"`, () => inDirectory(async (dir) => {
      write(dir, '1-r', [START, runEnd(exitCode)])
      const [run] = listRuns(dir)
      assert.deepEqual([run?.verdict, run?.seconds, run?.hosts, run?.exitCode], [verdict, 2, 2, exitCode])
      await Promise.resolve()
    }))
  }

  test('are listed newest first; what is no journal is passed over', () => inDirectory(async (dir) => {
    assert.deepEqual(listRuns(dir), [])
    for (const run of ['20260101-1-a', '20260103-1-c', '20260102-1-b']) write(dir, run, [START, runEnd(0)])
    await writeFile(join(dir, '20260104.ndjson'), 'nonsense')
    await writeFile(join(dir, 'notes.txt'), '')
    assert.deepEqual(listRuns(dir).map(({ run }) => run), ['20260103-1-c', '20260102-1-b', '20260101-1-a'])
  }))

  test('a run that a crash cut off in the middle of a line is read up to there', () => inDirectory(async (dir) => {
    write(dir, '1-r', [START, output('whole')])
    await orphan(dir, '1-r')
    await appendFile(journalFile('1-r', dir), '{"type":"output","li')
    assert.equal(listRuns(dir)[0]?.verdict, 'cut off')
    const read: string[] = []
    for await (const event of readEvents('1-r', dir)) read.push(event.type)
    assert.deepEqual(read, ['run-start', 'output'])
  }))

  test('the end of a run on thousands of hosts is found, however long its line', () => inDirectory(async (dir) => {
    const recap = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`host${index}`, counts]))
    write(dir, '1-r', [START, { ...runEnd(0), recap } as Event])
    assert.deepEqual([listRuns(dir)[0]?.verdict, listRuns(dir)[0]?.hosts], ['done', 5000])
    await Promise.resolve()
  }))

  test('are found by id, by its beginning or end, and as "last"', () => inDirectory(async (dir) => {
    const first = '20260101-000000-web-aaaa'
    const last = '20260102-000000-web-bbbb'
    for (const run of [first, last]) write(dir, run, [START, runEnd(0)])
    assert.deepEqual([first, '20260101', 'aaaa', 'last'].map((typed) => findRun(typed, dir).run), [first, first, first, last])
    const hint = (typed: string): string | undefined => {
      try {
        findRun(typed, dir)
        return 'found'
      } catch (error) {
        assert.ok(error instanceof UsageError)
        return error.hint
      }
    }
    assert.match(hint('2026') ?? '', /which of them\?/)
    assert.equal(hint('lats'), 'did you mean last?')
    await Promise.resolve()
  }))

  test('an id says when and what, and no two are the same', () => {
    const id = newRunId('Provision cluster!', new Date(2026, 10, 21, 0, 32, 38))
    assert.match(id, /^20261121-003238-provision-cluster-[0-9a-f]{4}$/)
    assert.match(newRunId('…'), /-run-[0-9a-f]{4}$/)
  })

  test('a process that has the number of one that is gone is not taken for it', () => {
    assert.ok(isUnderWay({ pid: process.pid, birth: processBirth(process.pid) }))
    assert.equal(isUnderWay({ pid: process.pid, birth: 'another boot:1' }), false)
  })
})
