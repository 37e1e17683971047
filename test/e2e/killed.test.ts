import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Event } from '../../src/events.ts'
import { until } from '../lab/index.ts'
import { assertAsBefore, assertExit, CACHE, eventsOf } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

describe('farm is killed in the middle of its work', () => {
  let stage: Stage

  before(async () => void (stage = await setStage({ image: 'guest', machines: ['boreas', 'zephyrus'] })))
  after(async () => stage?.[Symbol.asyncDispose]())

  /** Runs a recipe and kills it at an event, again and again; the moments are tried in order. */
  async function killAt(recipe: string, moments: readonly ((event: Event, index: number) => boolean)[], ...args: string[]): Promise<number> {
    let killed = 0
    for (const moment of moments) {
      const run = stage.farm.start(recipe, ...args)
      if (await run.reached(moment)) {
        await run.kill()
        killed += 1
        await until('the lock of a killed farm is gone', async () => ((await stage.host.exec('test -e /run/farm.lock')).code === 0 ? undefined : true), 5_000)
      } else {
        await run.end()
      }
    }
    return killed
  }

  const change = (number: number): ((event: Event, index: number) => boolean) => {
    let seen = 0
    // Each event is looked at more than once: count by index.
    const counted = new Set<number>()
    return (event, index) => {
      if (event.type === 'change' && !counted.has(index)) {
        counted.add(index)
        seen += 1
      }
      return seen >= number
    }
  }
  const rung = (name: string) => (event: Event): boolean => event.type === 'rung' && event.rung === name

  test('after kills at every stage of provisioning, the same command converges', async () => {
    // Every killed run leaves its work to the next one, which gets a little further.
    const killed = await killAt('provision-cluster', [change(1), change(2), change(3), change(3), change(4), change(3), change(2), rung('defined'), rung('running'), rung('kernel')])
    assert.ok(killed >= 5, `only ${killed} runs lived long enough to be killed`)
    assertExit(await stage.farm.provision(), 0)
    for (const name of ['boreas', 'zephyrus']) assert.equal((await stage.farm.ssh(name, 'hostname')).stdout.trim(), name)
    const again = await stage.farm.provision()
    assertExit(again, 0)
    assert.deepEqual(eventsOf(again, 'change'), [])
  })

  test('after kills at every stage of unprovisioning, the same command leaves nothing', async () => {
    const killed = await killAt('unprovision-cluster', [change(1), change(2), change(2), change(3)], '--yes')
    assert.ok(killed >= 2, `only ${killed} runs lived long enough to be killed`)
    assertExit(await stage.farm.unprovision(), 0)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })

  for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 10]) {
    test(`killed at its change ${number}, a provision can be unprovisioned at once`, async () => {
      const before = await stage.host.footprint()
      await killAt('provision-cluster', [change(number)])
      assertExit(await stage.farm.unprovision(), 0)
      await assertAsBefore(stage.host, before, CACHE)
    })
  }
})
