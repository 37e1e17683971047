import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Event, Recap } from '../../../src/events.ts'
import { emptyBoard, fold } from '../../../src/report/board.ts'
import { draw } from '../../../src/report/draw.ts'
import { createReport, withoutSecrets, type ReportKind, type ReportOptions } from '../../../src/report/index.ts'
import { conceal, forgetSecrets } from '../../../src/secrets.ts'
import { Memory } from '../cli/rig.ts'
import { at } from './script.ts'

function recap(counts: Partial<Recap>): Recap {
  return { ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0, rescued: 0, ignored: 0, ...counts }
}

const web1 = { host: 'web1', task: 'Restart sshd' } as const

/** Two batches; a handler that is tried again, on another host; failures that do not count; an interruption. */
const RUN: readonly Event[] = [
  at(0, { type: 'run-start', version: 1, run: 'x', recipe: 'site', hosts: ['web1', 'web2', 'web3'], tasks: ['Look', 'Mend'], check: false }),
  at(0, { type: 'stage', title: 'Site, batch 1 of 2', hosts: ['web1'], tasks: ['Look', 'Mend'] }),
  at(0, { type: 'task-start', host: 'web1', task: 'Look' }),
  at(1, { type: 'task-end', host: 'web1', task: 'Look', outcome: 'failed', seconds: 1, pardon: 'ignored', message: 'not there', failure: { code: 'x', message: 'not there' } }),
  at(1, { type: 'task-start', host: 'web1', task: 'Mend' }),
  at(1, { type: 'task-end', host: 'web1', task: 'Mend', outcome: 'failed', seconds: 0.5, pardon: 'rescued', failure: { code: 'x', message: 'torn' } }),
  at(2, { type: 'task-start', ...web1, handler: true, delegate: 'gate' }),
  at(2, { type: 'retry', ...web1, attempt: 1, attempts: 4, delay: 5, message: 'refused\nand more' }),
  at(7, { type: 'output', ...web1, stream: 'stdout', line: 'restarting' }),
  at(7, { type: 'output', ...web1, stream: 'stdout', line: '  ' }),
  at(8, { type: 'task-end', ...web1, outcome: 'changed', seconds: 6, attempts: 2 }),
  at(8, { type: 'stage', title: 'Site, batch 2 of 2', hosts: ['web2', 'web3'], tasks: ['Look', 'Mend'] }),
  at(8, { type: 'task-start', host: 'web2', task: 'Look' }),
  at(9, { type: 'task-end', host: 'web2', task: 'Look', outcome: 'failed', seconds: 1, failure: { code: 'interrupted', message: 'interrupted: sleep 60' } }),
  at(9, { type: 'run-end', recap: { web1: recap({ changed: 1, rescued: 1, ignored: 1 }), web2: recap({ failed: 1 }) }, exitCode: 143, seconds: 9, undone: { web2: ['Mend'], web3: ['Look', 'Mend'] } }),
]

async function shown(kind: ReportKind, events: readonly Event[] = RUN, options: ReportOptions = {}): Promise<string> {
  const out = new Memory()
  const report = await createReport(kind, { out, err: out }, options)
  for (const event of events) report.sink(event)
  await report.end()
  return out.text
}

describe('plain lines of a run with batches, handlers, retries and an interruption', () => {
  test('tell all of it, and count no failure that was made good', async () => {
    assert.equal(await shown('plain'), `12:00:00 site on web1, web2, web3: 2 tasks
12:00:00 ── Site, batch 1 of 2 on web1: 2 tasks
12:00:01 [web1] Look … failed, ignored (1.0 s): not there
12:00:01 [web1] Mend … failed, rescued (0.5 s): torn
12:00:02 [web1] Restart sshd (handler, on gate) …
12:00:02 [web1]   attempt 2 of 4 in 5 s: refused
12:00:08 [web1] Restart sshd (handler, on gate) … changed (6.0 s, 2 attempts)
12:00:08 ── Site, batch 2 of 2 on web2, web3: 2 tasks
12:00:09 [web2] Look … failed (1.0 s)

web1  changed 1  rescued 1  ignored 1
web2  failed 1

broken off: web2: "Look"
left undone: web2: "Mend"
left undone: web3: 2 tasks from "Look" on
interrupted; the same command again continues (9.0 s)
`)
  })

  test('say more when asked to: output, and where tasks begin', async () => {
    assert.match(await shown('plain', RUN, { verbosity: 1 }), /\[web1\] {3}\| restarting\n/)
    assert.match(await shown('plain', RUN, { verbosity: 2 }), /12:00:00 \[web1\] Look …\n12:00:01 \[web1\] Look … failed, ignored/)
  })

  test('put the beginning before each line of a note that has several', async () => {
    const note: Event = at(1, { type: 'note', level: 'warning', host: 'web1', message: 'one\ntwo\n' })
    assert.equal(await shown('plain', [note]), '12:00:01 [web1] warning: one\n12:00:01 [web1] warning: two\n')
  })

  test('paint a failure that does not count in another colour than one that does', async () => {
    const out = await shown('plain', RUN, { colour: true })
    assert.match(out, /\u001b\[33mfailed, ignored/)
    assert.match(out, /\u001b\[31mfailed\u001b/)
  })

  test('what was left undone is told of interruptions, and of hosts that the failures of others kept from it', async () => {
    const end = RUN.at(-1) as Extract<Event, { type: 'run-end' }>
    const text = await shown('plain', [...RUN.slice(0, -1), { ...end, exitCode: 2 }])
    assert.match(text, /left undone: web3: 2 tasks/)
    assert.doesNotMatch(text, /left undone: web2/)
  })

  test('cost next to nothing: a big run\'s events of a second within a tenth of it', async () => {
    const hosts = Array.from({ length: 500 }, (_, index) => `host${index}.example.org`)
    const out = new Memory()
    const report = await createReport('plain', { out, err: out })
    report.sink({ time: 0, type: 'run-start', version: 1, run: 'x', recipe: 'r', hosts, tasks: ['t'], check: false })
    const before = process.cpuUsage()
    let events = 0
    for (let round = 0; round < 10; round += 1) {
      for (const [index, host] of hosts.entries()) {
        const time = Date.now()
        report.sink({ time, type: 'task-start', host, task: 't' })
        report.sink({ time, type: 'change', host, task: 't', change: { summary: 'write /etc/motd' }, applied: true })
        report.sink({ time, type: 'task-end', host, task: 't', outcome: 'changed', seconds: 0.1 })
        events += 2
        if (index % 10 === 0) await turn()
      }
    }
    const { user, system } = process.cpuUsage(before)
    const cost = ((user + system) / 1000 / events) * 2500
    assert.ok(cost < 100, `${cost.toFixed(0)} ms for 2500 events`)
    assert.ok(out.writes < events / 4, `${out.writes} writes`)
    await report.end()
  })
})

describe('the live picture of such a run', () => {
  function picture(until: number, rows = 30): string[] {
    const board = emptyBoard()
    const now = at(until, { type: 'failure', failure: { code: '', message: '' } }).time
    for (const event of RUN) if (event.time <= now) fold(board, event)
    return draw(board, { columns: 100, rows, colour: false, unicode: true, now })
  }

  test('shows the batch, the handler, and the last line that a command printed beside its task', () => {
    assert.deepEqual(picture(7), [
      'site  Site, batch 1 of 2  7.0 s  0 of 3 hosts done',
      '⠋ web1  2/2',
      '    ✖ Look                             failed, ignored  1.0 s  not there',
      '    ✖ Mend                             failed, rescued  0.5 s  torn',
      '    ⠋ Restart sshd (handler, on gate)  5.0 s  restarting',
      '· web2  0/2  waiting',
      '· web3  0/2  waiting',
    ])
  })

  test('shows which attempt comes next', () => {
    assert.match(picture(3).join('\n'), /Restart sshd \(handler, on gate\) {2}1\.0 s {2}attempt 2 of 4 in 5 s: refused/)
  })

  test('where hosts crowd the screen shows for each what it is at, and no task that has ended', () => {
    assert.deepEqual(picture(7, 7), ['site  Site, batch 1 of 2  7.0 s  0 of 3 hosts done', '⠋ web1  2/2  Restart sshd (handler, on gate)  5.0 s  restarting', '· web2  0/2  waiting', '· web3  0/2  waiting'])
  })

  test('a failure that was made good leaves a host in order', () => {
    assert.equal(picture(8)[1], '✔ web1  2/2  done, 1 changed')
  })
})

describe('the terminal report', () => {
  test('of endless output keeps the end, and says where the rest is', async () => {
    const out = Object.assign(new Memory(), { isTTY: true, columns: 80, rows: 20 })
    const report = await createReport('terminal', { out, err: new Memory() }, { verbosity: 1 })
    for (const event of RUN.slice(0, 8)) report.sink(event)
    for (let line = 0; line < 10_000; line += 1) report.sink({ time: 0, type: 'output', ...web1, stream: 'stdout', line: `line ${line}` })
    await report.end()
    assert.match(out.text, /\((\d+) lines before these: farm log last -v\)\n\[web1\] line \1\n/)
    assert.match(out.text, /\[web1\] line 9999\n/)
  })
})

test('no secret gets through the sink that all events pass', () => {
  conceal('tr0ub4dor&3')
  try {
    const seen: Event[][] = [[], []]
    const sink = withoutSecrets(...seen.map((events) => (event: Event) => events.push(event)))
    sink(at(0, { type: 'change', host: 'h', task: 't', change: { summary: 'write /etc/x', diff: { title: '/etc/x', before: '', after: 'password = tr0ub4dor&3\n' } }, applied: true }))
    sink(at(0, { type: 'output', host: 'h', task: 't', stream: 'stderr', line: 'wrong: tr0ub4dor&3' }))
    assert.doesNotMatch(JSON.stringify(seen), /tr0ub4dor/)
    assert.equal(seen[1]?.length, 2)
  } finally {
    forgetSecrets()
  }
})
