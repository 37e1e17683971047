/** A run as its events tell it: four machines on one host, one failing host beside it. Shared by the tests of reports. */
import type { Event, EventBody } from '../../../src/events.ts'

const START = new Date(2026, 10, 20, 12, 0, 0).getTime()

/** Gives events their times: seconds since noon. */
export function at(seconds: number, body: EventBody): Event {
  return { time: START + seconds * 1000, ...body } as Event
}

const create = { host: 'anemoi', task: 'Create virtual machines' } as const

/** The whole run. `anemoi` makes two machines; `hera` cannot install its packages. */
export const SCRIPT: readonly Event[] = [
  at(0, { type: 'run-start', version: 1, run: '20261120-120000-provision-cluster-a1b2', recipe: 'provision-cluster', hosts: ['anemoi', 'hera'], tasks: ['Check virtualization', 'Install packages', 'Create virtual machines'], check: false }),
  at(0, { type: 'task-start', host: 'anemoi', task: 'Check virtualization' }),
  at(0, { type: 'task-start', host: 'hera', task: 'Check virtualization' }),
  at(0.3, { type: 'task-end', host: 'anemoi', task: 'Check virtualization', outcome: 'ok', seconds: 0.3 }),
  at(0.4, { type: 'note', level: 'warning', host: 'hera', task: 'Check virtualization', message: 'KVM does not work here; machines are emulated' }),
  at(0.5, { type: 'task-end', host: 'hera', task: 'Check virtualization', outcome: 'ok', seconds: 0.5 }),
  at(0.5, { type: 'task-start', host: 'anemoi', task: 'Install packages' }),
  at(0.5, { type: 'task-start', host: 'hera', task: 'Install packages' }),
  at(0.6, { type: 'change', host: 'anemoi', task: 'Install packages', change: { summary: 'install qemu-utils' }, applied: true }),
  at(0.7, { type: 'output', host: 'anemoi', task: 'Install packages', stream: 'stdout', line: 'Setting up qemu-utils (7.2)' }),
  at(1.3, { type: 'task-end', host: 'anemoi', task: 'Install packages', outcome: 'changed', seconds: 0.8 }),
  at(2, {
    type: 'task-end', host: 'hera', task: 'Install packages', outcome: 'failed', seconds: 1.5, message: 'apt-get cannot install qemu-utils',
    failure: { code: 'package-install', message: 'apt-get cannot install qemu-utils', host: 'hera', step: 'Install packages', hint: 'look at /etc/apt/sources.list', details: ['E: Unable to locate package qemu-utils'] },
  }),
  at(2, { type: 'task-start', ...create }),
  at(2, { type: 'progress', ...create, message: 'checking memory' }),
  at(2.1, { type: 'progress', ...create, message: 'checking disk' }),
  at(2.2, { type: 'change', ...create, change: { summary: 'define domain boreas', diff: { title: 'domain boreas', before: '', after: '<domain>\n  <name>boreas</name>\n</domain>\n' } }, applied: true }),
  at(2.5, { type: 'rung', ...create, machine: 'boreas', rung: 'defined', seconds: 0.1 }),
  at(2.5, { type: 'rung', ...create, machine: 'zephyrus', rung: 'defined', seconds: 0.1 }),
  at(5.5, { type: 'rung', ...create, machine: 'boreas', rung: 'kernel', seconds: 3.1, detail: '\u001b[31mLinux version 6.1' }),
  at(14.4, { type: 'rung', ...create, machine: 'boreas', rung: 'login', seconds: 12 }),
  at(15.4, { type: 'rung', ...create, machine: 'zephyrus', rung: 'login', seconds: 13 }),
  at(15.5, { type: 'task-end', ...create, outcome: 'changed', seconds: 13.5 }),
  at(15.5, { type: 'result', host: 'anemoi', lines: ['2 machines are up. Log in:', '  npx farm ssh boreas'], data: { machines: ['boreas', 'zephyrus'] } }),
  at(15.6, { type: 'run-end', recap: { anemoi: { ok: 1, changed: 2, skipped: 0, failed: 0, unreachable: 0, rescued: 0, ignored: 0 }, hera: { ok: 1, changed: 0, skipped: 0, failed: 1, unreachable: 0, rescued: 0, ignored: 0 } }, exitCode: 2, seconds: 15.6, undone: {} }),
]
