import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { bindHost, connect, type Connection, type Host } from '../../../src/host/index.ts'
import { LockKeeper } from '../../../src/hypervisor/index.ts'

const SILENT = { check: false, changed: () => undefined, output: () => undefined }

describe('locks that one process on a host holds', () => {
  let dir: string
  const open: Connection[] = []
  const farm = async (): Promise<Host> => {
    const connection = await connect({ name: 'localhost', connection: 'local' })
    open.push(connection)
    return bindHost(connection, { recorder: SILENT })
  }
  before(() => void (dir = mkdtempSync('/tmp/farm locks é ')))
  after(async () => {
    for (const connection of open) await connection.close()
    rmSync(dir, { recursive: true })
  })
  const file = (name: string): string => join(dir, name)

  it('keeps many of them apart and tells who holds one', async () => {
    const [one, other] = [LockKeeper.of(await farm()), LockKeeper.of(await farm())]
    const held = await Promise.all(Array.from({ length: 12 }, (_, index) => one.take({ file: file(`many ${index}`), holder: `the first farm's ${index}`, wait: 0 })))
    assert.ok(held.every((answer) => answer.held))
    assert.deepEqual(await other.take({ file: file('many 7'), holder: 'me', wait: 0 }), { held: false, holder: "the first farm's 7" })
    for (const answer of held) if (answer.held) await answer.release()
    const free = await other.take({ file: file('many 7'), holder: 'me', wait: 0 })
    assert.ok(free.held)
    await free.release()
    assert.ok(!existsSync(file('many 7')), 'the file of a lock that was given back stays')
  })

  it('waits as long as it is told for one that is taken', async () => {
    const [one, other] = [LockKeeper.of(await farm()), LockKeeper.of(await farm())]
    const held = await one.take({ file: file('wait'), holder: 'one', wait: 0 })
    const waiting = other.take({ file: file('wait'), holder: 'other', wait: 60 })
    assert.ok(held.held)
    await held.release()
    const answer = await waiting
    assert.ok(answer.held)
    assert.equal(readFileSync(file('wait'), 'utf8'), 'other\n')
    await answer.release()
  })

  it('is free again for the same farm and for others after it was given back, again and again', async () => {
    const keeper = LockKeeper.of(await farm())
    for (let round = 0; round < 5; round += 1) {
      const answer = await keeper.take({ file: file('again'), holder: `round ${round}`, wait: 0 })
      assert.ok(answer.held, `round ${round}`)
      await answer.release()
      await answer.release()
    }
  })

  it('lets go of all when the process that holds them is killed', async () => {
    const host = await farm()
    const keeper = LockKeeper.of(host)
    assert.ok((await keeper.take({ file: file('killed'), holder: 'one', wait: 0 })).held)
    const { stdout } = await host.query`
for process in /proc/[0-9]*; do
  if tr '\\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "farm-lo[c]ks" && [ -e "$process/fd/8" ]; then echo "\${process#/proc/}"; fi
done`
    const holder = stdout.trim().split('\n').map(Number)
    // Of all keepers of this test only that one is left.
    for (const pid of holder) process.kill(pid, 'SIGKILL')
    const answer = await LockKeeper.of(await farm()).take({ file: file('killed'), holder: 'other', wait: 20 })
    assert.ok(answer.held)
    await answer.release()
  })

  it('says which file it cannot write', async () => {
    await assert.rejects(LockKeeper.of(await farm()).take({ file: '/proc/no/such/file', holder: 'x', wait: 0 }), /\/proc\/no\/such\/file cannot be written/)
  })
})
