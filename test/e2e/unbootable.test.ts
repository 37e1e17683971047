import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertAsBefore, assertExit, assertFailure, CACHE, eventsOf } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

/** The initial RAM disk waits in vain for a root file system. */
const NO_ROOT = 'root=/dev/nowhere rootdelay=300 console=ttyS0'
/** The kernel finds no program to start. Without an answer to ACPI it can only be forced off. */
const PANIC = 'root=/dev/vda console=ttyS0 rdinit=/nowhere init=/nowhere panic=-1'

describe('a machine that does not boot', () => {
  let stage: Stage

  before(async () => void (stage = await setStage({ image: 'guest', machines: ['boreas'] })))
  after(async () => stage?.[Symbol.asyncDispose]())

  test('ends the run when its time is over, with the rung it reached, the end of its console and what to look at', async () => {
    const run = await stage.farm.provision('-e', `vm_kernel_cmdline='${NO_ROOT}'`, '-e', 'vm_boot_timeout=8')
    const failure = assertFailure(run, 2)
    assert.match(failure.message, /boreas/)
    assert.match(failure.message, /within 8 s/)
    assert.match(failure.message, /"kernel"/)
    assert.equal(failure.step, 'kernel')
    assert.equal(failure.host, 'anemoi')
    const quoted = failure.details?.filter((line) => line.startsWith('console | ')) ?? []
    assert.ok(quoted.length > 1 && quoted.some((line) => /\[ *\d+\.\d{6}\]|root/.test(line)), JSON.stringify(failure.details))
    assert.match(failure.hint ?? '', /farm console .*boreas/)
    assert.match(failure.hint ?? '', /\/var\/log\/farm\/boreas\.log/)
    const rungs = eventsOf(run, 'rung').filter((event) => event.machine === 'boreas').map((event) => event.rung)
    assert.equal(rungs.at(-1), 'kernel')
  })

  test('ends the run at once when its kernel panics, and quotes the panic', async () => {
    await stage.host.must('virsh -q destroy boreas')
    const run = await stage.farm.provision('-e', `vm_kernel_cmdline='${PANIC}'`)
    const failure = assertFailure(run, 2)
    assert.match(failure.message, /boreas: .*panic/)
    assert.ok((failure.details ?? []).some((line) => /^console \| .*\[ *\d+\.\d{6}\]/.test(line)), JSON.stringify(failure.details))
    assert.match(failure.hint ?? '', /farm console .*boreas/)
    const waited = eventsOf(run, 'task-end').at(-1)?.seconds ?? 0
    assert.ok(waited < 100, `${waited} s, although nobody had to wait for vm_boot_timeout`)
  })

  test('boots by the same command once the mistake is mended', async () => {
    assertExit(await stage.farm.provision('-e', 'vm_drift=restart'), 0)
    assert.equal((await stage.farm.ssh('boreas', 'hostname')).stdout.trim(), 'boreas')
    assert.doesNotMatch((await stage.farm.ssh('boreas', 'cat /proc/cmdline')).stdout, /nowhere/)
    const again = await stage.farm.provision()
    assertExit(again, 0)
    assert.deepEqual(eventsOf(again, 'change'), [])
  })

  test('unprovision gives everything back', async () => {
    assertExit(await stage.farm.unprovision(), 0)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })
})
