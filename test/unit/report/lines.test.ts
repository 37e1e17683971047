import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import { createReport, type ReportKind, type ReportOptions } from '../../../src/report/index.ts'
import { Memory } from '../cli/rig.ts'
import { at, SCRIPT } from './script.ts'
import type { Event } from '../../../src/events.ts'

async function report(kind: ReportKind, events: readonly Event[] = SCRIPT, options: ReportOptions = {}): Promise<{ out: string; err: string }> {
  const streams = { out: new Memory(), err: new Memory() }
  const made = await createReport(kind, streams, options)
  for (const event of events) made.sink(event)
  await made.end()
  return { out: streams.out.text, err: streams.err.text }
}

const BODY = `12:00:00 provision-cluster on anemoi, hera: 3 tasks
12:00:00 [anemoi] Check virtualization … ok (0.3 s)
12:00:00 [hera] warning: KVM does not work here; machines are emulated
12:00:00 [hera] Check virtualization … ok (0.5 s)
12:00:00 [anemoi] Install packages …
12:00:00 [anemoi]   install qemu-utils
12:00:01 [anemoi] Install packages … changed (0.8 s)
12:00:02 [hera] Install packages … failed (1.5 s): apt-get cannot install qemu-utils
12:00:02 [anemoi] Create virtual machines …
12:00:02 [anemoi]   checking memory
12:00:02 [anemoi]   define domain boreas
12:00:02 [anemoi] boreas: defined (0.1 s)
12:00:02 [anemoi] zephyrus: defined (0.1 s)
12:00:05 [anemoi] boreas: kernel (3.1 s) Linux version 6.1
12:00:14 [anemoi] boreas: login (12 s)
12:00:15 [anemoi] zephyrus: login (13 s)
12:00:15 [anemoi] Create virtual machines … changed (14 s)
`

const END = `
failed [hera] Install packages
  apt-get cannot install qemu-utils
    | E: Unable to locate package qemu-utils
    hint: look at /etc/apt/sources.list

anemoi  ok 1  changed 2
hera    ok 1  failed 1
failed (16 s)

2 machines are up. Log in:
  npx farm ssh boreas
`

describe('plain lines', () => {
  test('tell a run from its first task to its results', async () => {
    assert.deepEqual(await report('plain'), { out: BODY + END, err: '' })
  })

  test('show differences when asked to', async () => {
    const { out } = await report('plain', SCRIPT, { diff: true })
    assert.match(out, / define domain boreas\n {4}--- nothing\n {4}\+\+\+ domain boreas\tshall be\n {4}@@ -0,0 \+1,3 @@\n {4}\+<domain>\n {4}\+ {2}<name>boreas<\/name>\n {4}\+<\/domain>\n/)
  })

  test('show what commands print when asked to say more', async () => {
    assert.match((await report('plain', SCRIPT, { verbosity: 1 })).out, /\[anemoi\] {3}\| Setting up qemu-utils \(7\.2\)\n/)
  })

  test('in check mode say what would be done, with its difference', async () => {
    const { out } = await report('plain', [
      at(0, { type: 'run-start', version: 1, run: 'x', recipe: 'r', hosts: ['h'], tasks: ['t'], check: true }),
      at(0, { type: 'task-start', host: 'h', task: 't' }),
      at(0, { type: 'change', host: 'h', task: 't', change: { summary: 'write /etc/x', diff: { title: '/etc/x', before: 'a\n', after: 'b\n' } }, applied: false }),
      at(1, { type: 'task-end', host: 'h', task: 't', outcome: 'changed', seconds: 1 }),
      at(1, { type: 'run-end', recap: { h: { ok: 0, changed: 1, skipped: 0, failed: 0, unreachable: 0, rescued: 0, ignored: 0 } }, exitCode: 3, seconds: 1, undone: {} }),
    ])
    assert.equal(out, `12:00:00 r on h: 1 task (check mode: nothing is changed)
12:00:00 [h] t …
12:00:00 [h]   would write /etc/x
    --- /etc/x\tis
    +++ /etc/x\tshall be
    @@ -1,1 +1,1 @@
    -a
    +b
12:00:01 [h] t … changed (1.0 s)

h  changed 1
check: 1 task would change something; nothing was changed (1.0 s)
`)
  })

  test('show a failure that belongs to no task', async () => {
    const { out } = await report('plain', [at(0, { type: 'failure', failure: { code: 'x', message: 'no image', hint: 'give one' } })])
    assert.equal(out, '\nfarm: no image\n  hint: give one\n')
  })

  test('progress is shown every five seconds, not every time', async () => {
    const start = at(0, { type: 'task-start', host: 'h', task: 't' })
    const steps = Array.from({ length: 101 }, (_, percent) => at(percent / 10, { type: 'progress', host: 'h', task: 't', message: `${percent} %` }))
    const shown = (await report('plain', [start, ...steps])).out.match(/\d+ %/g)
    assert.deepEqual(shown, ['0 %', '50 %', '100 %'])
  })

  test('a task that keeps silent is mentioned after half a minute', async () => {
    mock.timers.enable({ apis: ['setInterval', 'Date'], now: at(0, { type: 'failure', failure: { code: '', message: '' } }).time })
    try {
      const streams = { out: new Memory(), err: new Memory() }
      const plain = await createReport('plain', streams)
      plain.sink(at(0, { type: 'task-start', host: 'h', task: 't' }))
      mock.timers.tick(29_000)
      assert.equal(streams.out.text, '')
      mock.timers.tick(1_000)
      assert.equal(streams.out.text, '12:00:30 [h] t … still at it (30 s)\n')
      await plain.end()
      mock.timers.tick(90_000)
      assert.equal((streams.out.text as string).split('\n').length, 2)
    } finally {
      mock.timers.reset()
    }
  })

  test('colours do not change the words', async () => {
    const { out } = await report('plain', SCRIPT, { colour: true })
    assert.match(out, /\u001b\[33mchanged/)
    assert.equal(out.replaceAll(/\u001b\[\d+m/g, ''), BODY + END)
  })
})

describe('JSON lines', () => {
  test('are the events, one a line, and nothing else', async () => {
    const { out, err } = await report('json')
    assert.equal(err, '')
    assert.equal(out, SCRIPT.map((event) => `${JSON.stringify(event)}\n`).join(''))
  })
})

describe('the quiet report', () => {
  test('prints failures to standard error and results to standard output', async () => {
    assert.deepEqual(await report('quiet'), {
      out: '2 machines are up. Log in:\n  npx farm ssh boreas\n',
      err: 'failed [hera] Install packages\n  apt-get cannot install qemu-utils\n    | E: Unable to locate package qemu-utils\n    hint: look at /etc/apt/sources.list\n',
    })
  })
})
