import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import fc from 'fast-check'
import type { EventBody } from '../../../src/events.ts'
import { createJunitReport } from '../../../src/report/index.ts'

const dir = mkdtempSync(join(tmpdir(), 'farm-junit-'))
after(() => rmSync(dir, { recursive: true }))
const counts = { ok: 1, changed: 0, skipped: 0, failed: 0, unreachable: 0, rescued: 0, ignored: 0 }

async function report(file: string, events: readonly EventBody[]): Promise<string> {
  const junit = await createJunitReport(file)
  for (const event of events) junit.sink({ time: 1_700_000_000_000, ...event })
  junit.end()
  return readFileSync(file, 'utf8')
}

const end = (host: string, task: string, rest: Partial<Extract<EventBody, { type: 'task-end' }>> = {}): EventBody => ({ type: 'task-end', host, task, outcome: 'ok', seconds: 1.5, ...rest })

test('a run is written as suites of hosts and cases of tasks, with what failed, was left out, and printed', async () => {
  const text = await report(join(dir, 'deep', 'er', 'report.xml'), [
    { type: 'run-start', version: 1, run: 'r', recipe: 'test-farm', hosts: ['a', 'b', 'idle'], tasks: [], check: false },
    { type: 'output', host: 'a', task: 'build', stream: 'stdout', line: 'not shown' },
    end('a', 'build', { outcome: 'changed' }),
    { type: 'output', host: 'a', task: 'test', stream: 'stderr', line: 'a < b & c\u001b[0m' },
    end('a', 'test', { outcome: 'failed', failure: { code: 'failed', message: 'exit code "1"', hint: 'look', details: ['last words'] } }),
    end('a', 'tidy', { outcome: 'failed', pardon: 'ignored', failure: { code: 'failed', message: 'untidy' } }),
    end('b', 'build', { outcome: 'skipped', message: 'its condition does not hold' }),
    end('b', 'test', { outcome: 'unreachable', failure: { code: 'connection-lost', message: 'gone' } }),
    { type: 'failure', failure: { code: 'full', message: 'no room for c' } },
    { type: 'run-end', recap: { a: counts, b: counts }, exitCode: 2, seconds: 3, undone: { a: ['never'] } },
  ])
  assert.equal(XMLValidator.validate(text), true)
  assert.equal(text, `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="test-farm" tests="7" failures="1" errors="2" skipped="2" time="7.500">
  <testsuite name="a" tests="4" failures="1" errors="0" skipped="1" time="4.500" timestamp="2023-11-14T22:13:20">
    <testcase classname="test-farm.a" name="build" time="1.500"/>
    <testcase classname="test-farm.a" name="test" time="1.500">
      <failure message="exit code &quot;1&quot;" type="failed">exit code &quot;1&quot;
  | last words
  hint: look</failure>
      <system-out>a &lt; b &amp; c[0m</system-out>
    </testcase>
    <testcase classname="test-farm.a" name="tidy" time="1.500">
      <system-out>ignored: untidy</system-out>
    </testcase>
    <testcase classname="test-farm.a" name="never" time="0.000">
      <skipped message="not begun"/>
    </testcase>
  </testsuite>
  <testsuite name="b" tests="2" failures="0" errors="1" skipped="1" time="3.000" timestamp="2023-11-14T22:13:20">
    <testcase classname="test-farm.b" name="build" time="1.500">
      <skipped message="its condition does not hold"/>
    </testcase>
    <testcase classname="test-farm.b" name="test" time="1.500">
      <error message="gone" type="connection-lost">gone</error>
    </testcase>
  </testsuite>
  <testsuite name="test-farm" tests="1" failures="0" errors="1" skipped="0" time="0.000" timestamp="2023-11-14T22:13:20">
    <testcase classname="test-farm.test-farm" name="the run" time="0.000">
      <error message="no room for c" type="full">no room for c</error>
    </testcase>
  </testsuite>
</testsuites>
`)
  assert.deepEqual(readdirSync(join(dir, 'deep', 'er')), ['report.xml'])
})

test('whatever a task is called and a command prints, the file is XML that says it', async () => {
  const file = join(dir, 'any.xml')
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), async (name, line) => {
    const text = await report(file, [{ type: 'output', host: 'a', task: name, stream: 'stdout', line }, end('a', name, { outcome: 'failed', message: line })])
    assert.equal(XMLValidator.validate(text), true)
    const [found] = new XMLParser({ ignoreAttributes: false, parseAttributeValue: false, trimValues: false, isArray: (tag) => tag === 'testcase' }).parse(text).testsuites.testsuite.testcase as { '@_name': string }[]
    const plain = /^[\w .-]+$/.test(name)
    if (plain) assert.equal(found?.['@_name'], name)
  }), { numRuns: 200 })
})

test('a place that cannot be written is refused before anything is done', async () => {
  writeFileSync(join(dir, 'file'), '')
  for (const file of [dir, join(dir, 'file', 'report.xml')]) await assert.rejects(createJunitReport(file), { code: 'junit-file', exitCode: 64 })
})
