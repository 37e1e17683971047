import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Admission } from '../../../src/machine/admission.ts'

const never = new AbortController().signal

describe('machines of one hypervisor take turns', () => {
  it('lets in what fits and keeps the next one waiting until somebody leaves', async () => {
    const door = new Admission({ memory: 2048, machines: 8 })
    const leave = await door.enter(1024, never)
    await door.enter(1024, never)
    let inside = false
    const third = door.enter(512, never).then(() => { inside = true })
    await Promise.resolve()
    assert.equal(inside, false)
    leave()
    leave()
    await third
  })

  it('lets nobody overtake, so that a large machine gets its turn', async () => {
    const door = new Admission({ memory: 2048, machines: 8 })
    const leave = await door.enter(1024, never)
    const order: string[] = []
    const large = door.enter(2048, never).then((go) => { order.push('large'); return go })
    const small = door.enter(64, never).then(() => order.push('small'))
    leave()
    ;(await large)()
    await small
    assert.deepEqual(order, ['large', 'small'])
  })

  it('lets a machine in alone that is larger than the hypervisor', async () => {
    await new Admission({ memory: 100, machines: 1 }).enter(4096, never)
  })

  it('takes who is interrupted out of the queue and lets the next one in', async () => {
    const door = new Admission({ memory: 1000, machines: 8 })
    const leave = await door.enter(500, never)
    const interrupted = new AbortController()
    const large = door.enter(900, interrupted.signal)
    const small = door.enter(400, never)
    interrupted.abort(new Error('stopped'))
    await assert.rejects(large, /stopped/)
    await small
    leave()
  })

  it('never exceeds memory or limit unless a machine is alone, and lets everybody in', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), async (sizes, machines) => {
      const door = new Admission({ memory: 2000, machines })
      let [memory, count] = [0, 0]
      await Promise.all(sizes.map(async (size) => {
        const leave = await door.enter(size, never)
        memory += size
        count += 1
        assert.ok(count === 1 || (count <= machines && memory <= 2000), `${count} machines with ${memory} MiB`)
        await Promise.resolve()
        memory -= size
        count -= 1
        leave()
      }))
    }))
  })
})
