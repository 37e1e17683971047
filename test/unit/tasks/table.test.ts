import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { table, type MachineResult } from '../../../tasks/test-machine/table.ts'

const one = (platform: string, target: string, more: Partial<MachineResult> = {}): MachineResult => ({
  machine: `${platform}_${target}`, platform, target, hypervisor: 'lynx', virtType: 'qemu', result: 'passed', step: undefined, message: undefined, seconds: 41.2, from: undefined, ...more,
})

describe('the table of a matrix', () => {
  test('has platforms down and targets across, and a dash where no machine is', () => {
    assert.deepEqual(table([one('debian_12', 'amd64', { from: 'init', seconds: 6.24 }), one('debian_12', 'arm64'), one('debian_13', 'amd64')], false), [
      'platform   amd64                     arm64',
      'debian_12  passed 6.2 s (from init)  passed 41 s',
      'debian_13  passed 41 s               -',
    ])
  })

  test('names the step that failed, and says below why', () => {
    const lines = table([one('debian_12', 'amd64', { result: 'failed', step: 'main', message: 'main.sh: exit code 7' })], false)
    assert.deepEqual(lines.slice(1), ['debian_12  FAILED in main 41 s', 'debian_12_amd64: main: main.sh: exit code 7'])
  })

  test('tells what was cut short from what never began and from what fits nowhere', () => {
    const results = (['interrupted', 'not run', 'unplaced'] as const).map((result, index) => one('p', `t${index}`, { result }))
    assert.equal(table(results, false)[1], 'p         interrupted  not run  unplaced')
  })

  test('has two machines of one platform and target in one place', () => {
    assert.match(table([one('p', 't'), one('p', 't', { machine: 'second', result: 'failed' })], false)[1] ?? '', /^p\s+passed 41 s, FAILED 41 s$/)
  })

  test('promises nothing in check mode', () => {
    assert.equal(table([one('p', 't')], true)[1], 'p         would run')
  })
})
