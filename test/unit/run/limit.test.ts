import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CapacityError } from '../../../src/errors.ts'
import { task } from '../../../src/recipe/index.ts'
import { plan, run, simple, Words, type Asked, type Ran } from './rig.ts'

describe('a limit in a run in which hosts come to be', () => {
  const inventory = '[hypervisors]\nhv1\nhv2\n'
  /** Every hypervisor adds two machines. Resolves with who did what. */
  async function grow(asked: Asked, fails = false): Promise<Ran & { readonly did: readonly string[] }> {
    const words = new Words()
    const add = task<unknown>('add', ({ inventoryHost, addHost, withinLimit }) => {
      words.list.push(inventoryHost)
      if (fails) throw new CapacityError('full', 'no room')
      for (const target of ['amd64', 'arm64']) if (withinLimit(`${inventoryHost}_${target}`, ['vms', target])) addHost(`${inventoryHost}_${target}`, { groups: ['vms', target] })
    })
    const use = task<unknown>('use', ({ inventoryHost }) => void words.list.push(inventoryHost))
    const ran = await run([simple([add], { hosts: 'hypervisors', addsHosts: true }), simple([use], { hosts: 'vms' })], { hosts: inventory, forks: 1, ...asked })
    return { ...ran, did: words.list }
  }
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'hv1 hv2 hv1_amd64 hv1_arm64 hv2_amd64 hv2_arm64'],
    ['hv1_amd64', 'hv1 hv2 hv1_amd64'],
    ['arm64', 'hv1 hv2 hv1_arm64 hv2_arm64'],
    ['*_arm64', 'hv1 hv2 hv1_arm64 hv2_arm64'],
    ['hv1', 'hv1 hv1_amd64 hv1_arm64'],
    ['hv1,amd64', 'hv1 hv1_amd64'],
    ['hypervisors', 'hv1 hv2 hv1_amd64 hv1_arm64 hv2_amd64 hv2_arm64'],
    ['!amd64', 'hv1 hv2 hv1_arm64 hv2_arm64'],
    ['!hv2', 'hv1 hv1_amd64 hv1_arm64'],
  ]
  for (const [limit, wanted] of cases) {
    test(`${limit ?? 'none'}: ${wanted}`, async () => {
      const { code, did } = await grow({ ...(limit !== undefined && { limit }) })
      assert.deepEqual([code, did.join(' ')], [0, wanted])
    })
  }
  test('that nobody comes to match is an error, and said to be one', async () => {
    const { code, did, events } = await grow({ limit: 'hv1_amd46' })
    assert.deepEqual([code, did], [65, ['hv1', 'hv2']])
    assert.ok(events.some((event) => event.type === 'failure' && event.failure.code === 'no-hosts'))
  })
  test('that leaves nobody who could add hosts is no success', async () => {
    const { code, events } = await run([simple([task<unknown>('add', () => undefined)], { hosts: 'hypervisors', addsHosts: true })], { hosts: 'web1\n[hypervisors]\n' })
    assert.equal(code, 65)
    assert.ok(events.some((event) => event.type === 'failure' && /no host matches "hypervisors"/.test(event.failure.message)))
  })
  test('is not blamed for what failed before', async () => {
    assert.equal((await grow({ limit: 'hv1_amd64' }, true)).code, 69)
  })
  test('of which a part matches nobody is warned about', async () => {
    const { code, events } = await grow({ limit: 'hv1_amd64,typo' })
    assert.equal(code, 0)
    assert.ok(events.some((event) => event.type === 'note' && /no host and no group is called typo/.test(event.message)))
  })
  test('does not stop a look at the plan', async () => {
    const words = new Words()
    const { stages } = await plan([simple([words.task('one')], { hosts: 'hypervisors', addsHosts: true }), simple([words.task('two')], { hosts: 'vms' })], { hosts: inventory, limit: 'hv1_amd64' })
    assert.deepEqual(stages.map(({ hosts }) => hosts), [['hv1', 'hv2'], []])
  })
})

test('a limit with an unknown name is refused where no recipe adds hosts', async () => {
  const words = new Words()
  await assert.rejects(run([simple([words.task('one')]), simple([words.task('two')])], { limit: 'b' }), /no host and no group is called b/)
})
