import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { describeLife, LIFE_STEPS, planLife, reconsider, STALE_POLICIES, type LifeInput, type LifePlan, type LifeToken, type SnapshotState } from '../../../src/phase/index.ts'

const names = { clean: 'clean', init: 'proj.0.init' }
const fresh = (name: string, memory = true): SnapshotState => ({ name, changes: [], memory })
const stale = (name: string, what: 'machine' | 'phases' = 'phases'): SnapshotState => ({ name, memory: true, changes: [{ what, text: what === 'machine' ? 'the image of the machine has changed' : 'phases/p/init.sh has changed' }] })
const both = [fresh('clean'), fresh('proj.0.init')]

function plan(snapshots: readonly SnapshotState[], rest: Partial<LifeInput> & { readonly only?: readonly LifeToken[]; readonly without?: readonly LifeToken[] } = {}): LifePlan {
  const { only = LIFE_STEPS, without = [], ...input } = rest
  return planLife({ allowed: new Set(only.filter((token) => !without.includes(token))), names, snapshots, stale: 'remake', ...input })
}

const runs = ({ steps }: LifePlan): LifeToken[] => LIFE_STEPS.filter((token) => steps[token].run)

describe('the scenarios of upstream', () => {
  test('first run, all phases: clean is made, dependencies and init run, init is made, main runs', () => {
    const life = plan([])
    assert.deepEqual(runs(life), ['startup', 'create clean', 'dependencies', 'init', 'create init', 'main', 'terminate', 'shutdown'])
    assert.equal(life.bootFirst, true)
  })

  test('second run: init is restored, and only main and terminate run', () => {
    const life = plan(both)
    assert.deepEqual(runs(life), ['startup', 'restore init', 'main', 'terminate', 'shutdown'])
    assert.equal(life.restored, 'init')
  })

  test('new revision: clean is restored, dependencies and init run, and a sibling of the old init is made', () => {
    const life = plan([...both], { names: { clean: 'clean', init: 'proj.1.init' } })
    assert.deepEqual(runs(life), ['startup', 'restore clean', 'dependencies', 'init', 'create init', 'main', 'terminate', 'shutdown'])
    assert.equal(life.steps['create init'].snapshot, 'proj.1.init')
    assert.equal(life.steps['create init'].replaces, false)
  })

  test('after an init that failed, the next run restores clean and starts over', () => {
    assert.deepEqual(runs(plan([fresh('clean')])), ['startup', 'restore clean', 'dependencies', 'init', 'create init', 'main', 'terminate', 'shutdown'])
  })

  test('startup and main alone: main runs on the disk as it is, and the machine is left running', () => {
    assert.deepEqual(runs(plan(both, { only: ['startup', 'main'] })), ['startup', 'main'])
  })

  test('main and shutdown alone: a machine that runs is used, and stopped', () => {
    const life = plan(both, { only: ['main', 'shutdown'] })
    assert.deepEqual(runs(life), ['main', 'shutdown'])
    assert.equal(life.boot, 'never')
  })

  test('external snapshots, second run: the same steps', () => {
    assert.deepEqual(runs(plan([fresh('clean', false), fresh('proj.0.init', false)])), ['startup', 'restore init', 'main', 'terminate', 'shutdown'])
  })

  test('back and forth between revisions: each restores its own init', () => {
    const branches = [...both, fresh('proj.1.init')]
    assert.equal(plan(branches).steps['restore init'].snapshot, 'proj.0.init')
    assert.equal(plan(branches, { names: { clean: 'clean', init: 'proj.1.init' } }).steps['restore init'].run, true)
  })

  test('restore init is not allowed though init exists: clean is restored, dependencies and init run again, and no new init is made', () => {
    const life = plan(both, { without: ['restore init'] })
    assert.deepEqual(runs(life), ['startup', 'restore clean', 'dependencies', 'init', 'main', 'terminate', 'shutdown'])
    assert.equal(life.steps['create init'].reason, 'proj.0.init exists already')
  })

  test('no snapshot may be restored or made: phases run on whatever the disk holds', () => {
    assert.deepEqual(runs(plan(both, { only: ['startup', 'dependencies', 'init', 'main'] })), ['startup', 'dependencies', 'init', 'main'])
  })

  test('only the end: terminate and shutdown', () => {
    assert.deepEqual(runs(plan(both, { only: ['terminate', 'shutdown'] })), ['terminate', 'shutdown'])
  })
})

describe('booting', () => {
  test('a machine whose memory is restored is not booted before', () => {
    const life = plan(both)
    assert.deepEqual([life.boot, life.bootFirst], ['by restore', false])
    assert.equal(life.steps.startup.reason, 'restoring proj.0.init starts the machine')
  })

  test('a machine of which only the disk is restored is started after that', () => {
    assert.equal(plan([fresh('clean', false), fresh('proj.0.init', false)]).boot, 'after restore')
  })
})

describe('stale snapshots', () => {
  const changed = [fresh('clean'), stale('proj.0.init')]

  test('remake: a stale init is made anew from clean, and what has changed is said', () => {
    const life = plan(changed)
    assert.deepEqual(runs(life), ['startup', 'restore clean', 'dependencies', 'init', 'create init', 'main', 'terminate', 'shutdown'])
    assert.equal(life.recreate, false)
    assert.equal(life.steps['create init'].replaces, true)
    assert.equal(life.steps['restore init'].reason, 'proj.0.init is stale: phases/p/init.sh has changed')
  })

  test('remake: the old init stays when no new one may be made', () => {
    assert.equal(plan(changed, { without: ['create init'] }).steps['create init'].run, false)
  })

  test('warn: a stale init is used, with a warning that says what has changed', () => {
    const life = plan(changed, { stale: 'warn' })
    assert.deepEqual(runs(life), ['startup', 'restore init', 'main', 'terminate', 'shutdown'])
    assert.deepEqual(life.warnings, ['the snapshot proj.0.init is stale and is used as it is: phases/p/init.sh has changed'])
  })

  test('fail: a stale snapshot that would be used ends the run before anything is done', () => {
    assert.throws(() => plan(changed, { stale: 'fail' }), { code: 'snapshot-stale', exitCode: 65, message: /phases\/p\/init\.sh has changed/ })
    assert.throws(() => plan([stale('clean', 'machine')], { stale: 'fail' }), { code: 'snapshot-stale' })
  })

  test('fail: a stale snapshot that is not used harms nobody', () => {
    assert.deepEqual(runs(plan(changed, { stale: 'fail', only: ['startup', 'main'] })), ['startup', 'main'])
  })

  test('another image or definition: the machine is made anew, as in a first run', () => {
    const life = plan([stale('clean', 'machine'), stale('proj.0.init', 'machine')])
    assert.equal(life.recreate, true)
    assert.deepEqual(runs(life), runs(plan([])))
    assert.equal(life.steps['create init'].replaces, false)
    assert.match(describeLife(life).join('\n'), /^the machine is made anew\n/)
  })

  test('another image and no clean: init alone says that the machine is to be made anew', () => {
    assert.equal(plan([stale('proj.0.init', 'machine')]).recreate, true)
  })

  test('a machine that is made anew loses the snapshots of other projects, which is said', () => {
    assert.match(plan([stale('clean', 'machine'), fresh('other.3.init')]).warnings.join(), /made anew.*other\.3\.init$/)
  })

  test('a machine is never made anew by a run that uses no snapshot', () => {
    for (const only of [['shutdown'], ['startup', 'main'], ['main', 'terminate', 'shutdown']] as const) assert.equal(plan([stale('clean', 'machine')], { only }).recreate, false)
  })

  test('a machine that is to be made anew without being started is an error', () => {
    assert.throws(() => plan([stale('clean', 'machine')], { only: ['restore clean', 'main'] }), { code: 'snapshot-stale', message: /the image of the machine has changed/, hint: /needs startup/ })
  })

  test('a snapshot without a record is used with a warning', () => {
    const life = plan([{ name: 'proj.0.init', changes: undefined, memory: false }])
    assert.equal(life.restored, 'init')
    assert.match(life.warnings.join(), /no record of what it was made from/)
  })

  test('clean that is made from a disk on which phases have run is warned about', () => {
    assert.match(plan([fresh('other.0.init')]).warnings.join(), /on which phases may have run already/)
    assert.deepEqual(plan([]).warnings, [])
  })
})

describe('allowed_phases that a phase changes', () => {
  test('a step that was taken away does not run any more', () => {
    const step = reconsider(plan([]).steps.shutdown, new Set(['main']))
    assert.deepEqual([step.run, step.reason], [false, 'shutdown is no longer among allowed_phases'])
  })

  test('a step that was added runs if it is due', () => {
    const { steps } = plan(both, { only: ['startup', 'restore init'] })
    const all = new Set<LifeToken>(LIFE_STEPS)
    assert.equal(reconsider(steps.main, all).run, true)
    assert.equal(reconsider(steps.init, all).run, false)
  })
})

test('whatever is allowed and there: the rules of a life hold', () => {
  const change = fc.record({ what: fc.constantFrom('machine' as const, 'phases' as const), text: fc.constant('something has changed') })
  const snapshot = fc.record({ name: fc.constantFrom('clean', 'proj.0.init', 'proj.1.init'), changes: fc.option(fc.array(change, { maxLength: 2 }), { nil: undefined }), memory: fc.boolean() })
  const input = fc.record({ allowed: fc.subarray([...LIFE_STEPS]), snapshots: fc.uniqueArray(snapshot, { selector: ({ name }) => name }), policy: fc.constantFrom(...STALE_POLICIES) })
  fc.assert(
    fc.property(input, ({ allowed, snapshots, policy }) => {
      const may = new Set(allowed)
      let life: LifePlan
      try {
        life = planLife({ allowed: may, names, snapshots, stale: policy })
      } catch (error) {
        assert.equal((error as { code: string }).code, 'snapshot-stale')
        return
      }
      const { steps } = life
      const ran = (token: LifeToken): boolean => steps[token].run
      const exists = (name: string): boolean => !life.recreate && snapshots.some((one) => one.name === name)
      for (const token of LIFE_STEPS) {
        assert.ok(!ran(token) || may.has(token), `${token} runs though it is not allowed`)
        assert.ok(steps[token].reason.length > 0)
        assert.deepEqual(reconsider(steps[token], may), steps[token])
      }
      for (const token of ['startup', 'main', 'terminate', 'shutdown'] as const) assert.equal(ran(token), may.has(token))
      assert.ok(!(ran('restore init') && (ran('dependencies') || ran('init') || ran('restore clean') || ran('create init') || ran('create clean'))))
      assert.ok(!(ran('restore clean') && ran('create clean')))
      assert.equal(ran('dependencies') || !may.has('dependencies'), !ran('restore init') || !may.has('dependencies'))
      assert.ok(!ran('restore init') || exists(names.init))
      assert.ok(!ran('restore clean') || exists(names.clean))
      for (const token of ['create clean', 'create init'] as const) if (ran(token)) assert.equal(steps[token].replaces, exists(steps[token].snapshot ?? ''))
      assert.equal(life.boot === 'never', !may.has('startup'))
      assert.ok(!life.recreate || (policy === 'remake' && life.restored === undefined && life.boot === 'first'))
      assert.ok(life.bootFirst || life.boot === 'never' || life.restored !== undefined)
    }),
    { numRuns: 3000 },
  )
})
