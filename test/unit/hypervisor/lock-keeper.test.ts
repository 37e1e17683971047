import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { InterruptedError } from '../../../src/errors.ts'
import { bindHost, connect, posixQuote, type Connection, type Host } from '../../../src/host/index.ts'
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

  for (const shell of ['dash', 'bash', 'busybox sh']) {
    it(`works where /bin/sh is ${shell}`, { skip: has(shell) ? false : `no ${shell}` }, async () => {
      const inShell = async (): Promise<Host> => {
        const connection = await connect({ name: 'localhost', connection: 'local' })
        open.push(connection)
        return bindHost({ ...connection, spawn: (command) => connection.spawn(`exec ${shell} -c ${posixQuote(command)}`) }, { recorder: SILENT })
      }
      const [one, other] = [LockKeeper.of(await inShell()), LockKeeper.of(await inShell())]
      const path = file(`in ${shell}`)
      const holder = String.raw`me\n\c$(id) 'and' "you" * ${'`'}id${'`'}`
      const first = await one.take({ file: path, holder, wait: 0 })
      const second = await one.take({ file: file(`second in ${shell}`), holder: 'me', wait: 0 })
      assert.ok(first.held && second.held)
      assert.deepEqual(await other.take({ file: path, holder: 'other', wait: 0 }), { held: false, holder })
      const waiting = other.take({ file: path, holder: 'other', wait: 60 })
      await first.release()
      const third = await waiting
      assert.ok(third.held)
      await third.release()
      await second.release()
      assert.ok(!existsSync(path))
      await assert.rejects(one.take({ file: dir, holder: 'x', wait: 0 }), /cannot be written/)
    })
  }

  it('keeps a lock when the task that took it is interrupted, since others hold theirs by the same process', async () => {
    const task = new AbortController()
    const connection = await connect({ name: 'localhost', connection: 'local' })
    open.push(connection)
    const keeper = LockKeeper.of(bindHost(connection, { recorder: SILENT, signal: task.signal }))
    const held = await keeper.take({ file: file('interrupted'), holder: 'one', wait: 0, signal: task.signal })
    assert.ok(held.held)
    task.abort()
    const other = LockKeeper.of(await farm())
    assert.deepEqual(await other.take({ file: file('interrupted'), holder: 'other', wait: 0 }), { held: false, holder: 'one' })
    await held.release()
  })

  it('ends the waiting for a lock when it is interrupted, and never takes that lock', async () => {
    const [one, other] = [LockKeeper.of(await farm()), LockKeeper.of(await farm())]
    const held = await one.take({ file: file('given up'), holder: 'one', wait: 0 })
    assert.ok(held.held)
    const kept = await other.take({ file: file('kept'), holder: 'other', wait: 0 })
    const task = new AbortController()
    const waiting = other.take({ file: file('given up'), holder: 'other', wait: 1000, signal: task.signal })
    task.abort()
    await assert.rejects(waiting, InterruptedError)
    await assert.rejects(other.take({ file: file('given up'), holder: 'other', wait: 0, signal: task.signal }), InterruptedError)
    await held.release()
    const third = await LockKeeper.of(await farm()).take({ file: file('given up'), holder: 'third', wait: 0 })
    assert.ok(third.held && kept.held)
    await third.release()
    await kept.release()
  })

  it('takes each lock as the user that the task works as', { skip: process.getuid?.() === 0 && has('sudo') ? false : 'needs root and sudo' }, async () => {
    const connection = await connect({ name: 'localhost', connection: 'local' })
    open.push(connection)
    const [shared, own] = [file('shared'), file('own')]
    mkdirSync(shared)
    mkdirSync(own)
    chmodSync(dir, 0o755)
    chmodSync(shared, 0o777)
    chmodSync(own, 0o700)
    const nobody = await LockKeeper.of(bindHost(connection, { recorder: SILENT, become: { method: 'sudo', user: 'nobody' } })).take({ file: join(shared, 'x'), holder: 'nobody', wait: 0 })
    const root = await LockKeeper.of(bindHost(connection, { recorder: SILENT })).take({ file: join(own, 'x'), holder: 'root', wait: 0 })
    assert.ok(nobody.held && root.held)
    await nobody.release()
    await root.release()
  })
})

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program.split(' ')[0] ?? ''], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
