import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { RUNGS, type Event } from '../../../src/events.ts'
import { emptyBoard, fold } from '../../../src/report/board.ts'
import { draw, type Canvas } from '../../../src/report/draw.ts'
import { createReport, width } from '../../../src/report/index.ts'
import { Memory } from '../cli/rig.ts'
import { at, SCRIPT } from './script.ts'

function picture(until: number, canvas: Partial<Canvas> = {}): string[] {
  const board = emptyBoard()
  const now = at(until, { type: 'failure', failure: { code: '', message: '' } }).time
  for (const event of SCRIPT) if (event.time <= now) fold(board, event)
  return draw(board, { columns: 100, rows: 30, colour: false, unicode: true, now, ...canvas })
}

describe('the live picture', () => {
  test('shows hosts, their tasks, and the rung on which each machine stands', () => {
    assert.deepEqual(picture(6), [
      'provision-cluster  6.0 s  1 of 2 hosts done',
      '⠋ anemoi  2/3  1 changed',
      '    ✔ Check virtualization     ok       0.3 s',
      '    ✔ Install packages         changed  0.8 s',
      '    ⠋ Create virtual machines  4.0 s',
      '      boreas    ━━━━───  kernel      3.6 s  Linux version 6.1',
      '      zephyrus  ━──────  defined     3.6 s',
      '✖ hera    2/3  failed',
      '    ✔ Check virtualization     ok       0.5 s',
      '    ✖ Install packages         failed  1.5 s  apt-get cannot install qemu-utils',
      '⚠ hera: KVM does not work here; machines are emulated',
    ])
  })

  test('in the end has one line for each task', () => {
    assert.deepEqual(picture(16).slice(0, 5), [
      'provision-cluster  16 s',
      '✔ anemoi  3/3  done, 2 changed',
      '    ✔ Check virtualization     ok       0.3 s',
      '    ✔ Install packages         changed  0.8 s',
      '    ✔ Create virtual machines  changed   14 s  2 machines',
    ])
  })

  test('speaks ASCII where it must', () => {
    assert.doesNotMatch(picture(6, { unicode: false }).join('\n').replaceAll('…', ''), /[^\n -~]/)
  })

  test('fits every screen', () => {
    for (const columns of [1, 20, 40, 59, 60, 80, 200]) {
      for (const rows of [1, 2, 3, 5, 10, 30]) {
        for (const until of [0, 1, 2, 6, 15, 16]) {
          const lines = picture(until, { columns, rows })
          assert.ok(lines.length <= rows, `${lines.length} lines on ${rows} rows`)
          for (const text of lines) assert.ok(width(text) <= columns, `${text} on ${columns} columns`)
        }
      }
    }
  })

  test('where space is short keeps failures, tasks under way and machines that are not up', () => {
    assert.deepEqual(picture(6, { columns: 40, rows: 7 }), [
      'provision-cluster  6.0 s  1 of 2 hosts …',
      '⠋ anemoi  2/3  1 changed',
      '  ⠋ Create virtual mach…  4.0 s',
      '    zephyrus  defined     3.6 s',
      '✖ hera    2/3  failed',
      '  ✖ Install packages      failed  1.5 s…',
      '    … 5 more lines',
    ])
  })

  test('a host that does more than its recipe\'s tasks is not done before the last of them', () => {
    const board = emptyBoard()
    for (const event of [
      at(0, { type: 'run-start', version: 1, run: 'x', recipe: 'r', hosts: ['h'], tasks: ['a', 'b'], check: false }),
      at(0, { type: 'task-end', host: 'h', task: 'lock the host', outcome: 'ok', seconds: 0 }),
      at(0, { type: 'task-end', host: 'h', task: 'a', outcome: 'ok', seconds: 0 }),
    ]) fold(board, event)
    assert.match(draw(board, { columns: 80, rows: 10, colour: false, unicode: true, now: 0 })[1] ?? '', /h {2}1\/2/)
  })
})

describe('the terminal report', () => {
  function screen(): Memory {
    return Object.assign(new Memory(), { isTTY: true, columns: 80, rows: 20 })
  }

  test('leaves the picture, the failures, the recap and the results behind, in this order', async () => {
    const out = screen()
    const report = await createReport('terminal', { out, err: new Memory() })
    for (const event of SCRIPT) report.sink(event)
    await report.end()
    const places = ['✔ anemoi  3/3  done, 2 changed', 'failed [hera] Install packages', 'hera    ok 1  failed 1', 'npx farm ssh boreas'].map((text) => out.text.lastIndexOf(text))
    assert.ok(places.every((place) => place >= 0), out.text)
    assert.deepEqual(places, [...places].sort((a, b) => a - b))
    assert.ok(out.text.endsWith('npx farm ssh boreas\n'))
    assert.ok(out.text.lastIndexOf('\u001b[?25h') > out.text.lastIndexOf('\u001b[?25l'), 'the cursor is shown again')
  })

  test('thousands of events make a handful of frames, and cost next to nothing', async () => {
    const out = screen()
    const report = await createReport('terminal', { out, err: new Memory() })
    const hosts = Array.from({ length: 30 }, (_, index) => `host${index}`)
    const tasks = Array.from({ length: 20 }, (_, index) => `task ${index}`)
    report.sink({ time: Date.now(), type: 'run-start', version: 1, run: 'x', recipe: 'r', hosts, tasks, check: false })
    await delay(50)
    const before = out.writes
    const began = performance.now()
    const emit = (event: object): void => { report.sink({ time: Date.now(), ...event } as Event) }
    for (const task of tasks) {
      for (const host of hosts) {
        emit({ type: 'task-start', host, task })
        for (const rung of RUNGS) emit({ type: 'rung', host, task, machine: 'm', rung, seconds: 1 })
        for (let line = 0; line < 50; line += 1) emit({ type: 'progress', host, task, message: `line ${line}` })
        emit({ type: 'task-end', host, task, outcome: 'ok', seconds: 1 })
      }
      await delay(1)
    }
    await report.end()
    const took = performance.now() - began
    assert.ok(out.writes - before <= 10 + took / 50, `${out.writes - before} writes in ${Math.round(took)} ms`)
    assert.ok(took < 3000, `${Math.round(took)} ms for 35,000 events`)
  })

  test('ends in order when the run broke off in the middle', async () => {
    const out = screen()
    const report = await createReport('terminal', { out, err: new Memory() })
    for (const event of SCRIPT.slice(0, 12)) report.sink(event)
    await report.end()
    assert.match(out.text, /✖ hera/)
    out.write('free\n')
    assert.ok(out.text.endsWith('free\n'), 'the stream is itself again')
  })

  test('leaves signals and the exit to others', async () => {
    const listeners = process.listenerCount('SIGINT')
    const report = await createReport('terminal', { out: screen(), err: new Memory() })
    report.sink(SCRIPT[0] as Event)
    const during = process.listenerCount('SIGINT')
    await report.end()
    assert.equal(during, listeners)
  })

  test('in check mode lists what would change, with differences', async () => {
    const out = screen()
    const report = await createReport('terminal', { out, err: new Memory() })
    report.sink(at(0, { type: 'run-start', version: 1, run: 'x', recipe: 'r', hosts: ['h'], tasks: ['t'], check: true }))
    report.sink(at(0, { type: 'change', host: 'h', task: 't', change: { summary: 'write /etc/x', diff: { title: '/etc/x', before: 'a\n', after: 'b\n' } }, applied: false }))
    await report.end()
    assert.match(out.text, /would change \[h\] write \/etc\/x\n {2}--- \/etc\/x\tis\n/)
  })
})
