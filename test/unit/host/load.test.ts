import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { PassThrough, Readable, Writable } from 'node:stream'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { PendingProcess } from '../../../src/host/process.ts'
import { gatherWrites } from '../../../src/host/ssh/gather.ts'
import type { RemoteProcess } from '../../../src/host/types.ts'
import { bound, failureOf, Rig, runs, until } from './rig.ts'

let rig: Rig
const warnings: string[] = []
const warned = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`)
before(() => {
  rig = new Rig()
  process.on('warning', warned)
})
after(async () => {
  process.off('warning', warned)
  await rig.close()
})

describe('many commands at once on one host', { timeout: 60_000 }, () => {
  for (const sessions of [10, 2, 1]) {
    it(`all run where the server allows ${sessions} sessions`, async () => {
      const { host } = bound(await rig.connect((await rig.sshd([`MaxSessions ${sessions}`], rig.user())).spec))
      const texts = await Promise.all(Array.from({ length: 10 }, (_, index) => host.query`echo ${index}`.text()))
      assert.deepEqual(texts, Array.from({ length: 10 }, (_, index) => `${index}\n`))
    })
  }

  it('bring no warning about listeners, though all of them listen to one signal', async () => {
    const { host } = bound(await rig.connect((await rig.sshd([], rig.user())).spec), { signal: new AbortController().signal })
    await Promise.all(Array.from({ length: 60 }, () => host.query`true`))
    await new Promise(setImmediate)
    assert.deepEqual(warnings, [])
  })
})

describe('a login shell', { timeout: 60_000 }, () => {
  // From the second command on, sh is given the script itself, and any other shell makes way for sh.
  for (const shell of ['/bin/sh', '/bin/bash']) {
    it(`like ${shell} makes no difference: quoting, exit codes, input, errors, standard error`, async () => {
      const { host } = bound(await rig.connect((await rig.sshd([], rig.user(shell))).spec))
      for (let turn = 0; turn < 3; turn += 1) {
        const nasty = `a'b"c $(id) \`id\` \\ *\n-n`
        assert.equal(await host.query`printf '<%s>' ${[nasty, '']}`.text(), `<${nasty}><>`)
        assert.equal((await host.query({ nothrow: true })`exit 3`).exitCode, 3)
        assert.equal((await host.query({ nothrow: true })`kill -9 $$`).signal, 'SIGKILL')
        assert.equal(await host.query({ input: 'in' })`cat`.text(), 'in')
        assert.equal((await host.query`echo out; echo err >&2`).stderr, 'err\n')
        assert.equal((await failureOf(host.query`if`)).code, 'command-failed')
        assert.equal((await failureOf(host.query`false; echo reached`)).code, 'command-failed')
      }
    })

    it(`like ${shell} ends a command with all that it started within two seconds of an interruption`, async () => {
      const connection = await rig.connect((await rig.sshd([], rig.user(shell))).spec)
      for (let turn = 0; turn < 2; turn += 1) {
        const abort = new AbortController()
        const { host } = bound(connection, { signal: abort.signal })
        const pids = `/tmp/farm-test-${process.pid}-${turn}-${shell.slice(5)}`
        const command = failureOf(host.query`sleep 60 & echo $! > ${pids}; sh -c 'echo $$; sleep 60' >> ${pids}; wait`)
        const found = async (): Promise<number[]> => (await bound(connection).host.query`cat ${pids} 2>/dev/null || true`.lines()).map(Number)
        while ((await found()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
        const list = await found()
        await bound(connection).host.query`rm ${pids}`
        const started = performance.now()
        abort.abort()
        assert.equal((await command).code, 'interrupted')
        await until(() => list.every((pid) => !runs(pid)))
        assert.ok(performance.now() - started < 2_000)
      }
    })
  }
})

describe('a server that dies', { timeout: 60_000 }, () => {
  it('makes its own host unreachable, and no other', async () => {
    const [dying, living] = [await rig.sshd(), await rig.sshd()]
    const lost = bound(await rig.connect(dying.spec)).host
    const kept = bound(await rig.connect(living.spec)).host
    const file = rig.path('session-pid')
    const running = failureOf(lost.query`echo $PPID > ${file}; exec sleep 5`)
    const other = kept.query`sleep 0.3; echo done`.text()
    await until(() => existsSync(file) && rig.read('session-pid').endsWith('\n'))
    process.kill(Number(rig.read('session-pid')), 'SIGKILL')
    const error = await running
    assert.equal(error.constructor.name, 'UnreachableError')
    assert.equal(error.host, dying.spec.name)
    assert.equal(await other, 'done\n')
  })
})

describe('output', { timeout: 60_000 }, () => {
  it('comes line by line with its characters whole, and what is no UTF-8 marked in its place alone', async () => {
    const { host, log } = bound(await rig.connect((await rig.sshd()).spec))
    await host.$`printf 'gr\\303'; sleep 0.05; printf '\\274n \\360\\237'; sleep 0.05; printf '\\230\\200\\n'; printf 'bad \\377 byte\\n'; printf 'last'`
    assert.deepEqual(log.lines, ['stdout: grün 😀', 'stdout: bad \uFFFD byte', 'stdout: last'])
  })

  it('of a hundred megabytes takes less than 64 MB of memory, and all of it is reported', async () => {
    const connection = await rig.connect((await rig.sshd()).spec)
    const { host } = bound(connection)
    await host.query`head -c 5000000 /dev/zero | tr '\\0' x | fold -w 100`
    let lines = 0
    const counting = bound(connection, { lines: () => (lines += 1) }).host
    const before = process.memoryUsage().rss
    let most = 0
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10)
    await counting.$`head -c 100000000 /dev/zero | tr '\\0' x | fold -w 100`
    clearInterval(timer)
    assert.equal(lines, 1_000_000)
    assert.ok(most - before < 64 << 20, `${(most - before) >> 20} MB`)
  })

  it('is read no faster than it is used', async () => {
    const chunk = Buffer.alloc(65_536, 'x')
    let given = 0
    const source = new Readable({
      read() {
        given += 1
        this.push(given > 1_000 ? null : chunk)
      },
    })
    const real = Object.assign(new EventEmitter(), { stdin: new PassThrough(), stdout: source, stderr: Readable.from([]), pid: undefined, kill: () => true }) as RemoteProcess
    const process = PendingProcess.around(real)
    let taken = 0
    let go: (() => void) | undefined
    const slow = new Writable({
      write(bytes: Buffer, _encoding, done) {
        taken += bytes.length
        go = done
      },
    })
    process.stdout.pipe(slow)
    await until(() => go !== undefined)
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
    assert.ok(given < 20, `${given} chunks were read for one that was taken`)
    slow._write = (bytes: Buffer, _encoding, done) => {
      taken += bytes.length
      done()
    }
    go?.()
    process.stderr.resume()
    await once(slow, 'finish')
    assert.equal(taken, 1_000 * chunk.length)
  })
})

describe('a connection', () => {
  it('sends in one piece what is written in one breath, and the end after it', async () => {
    const pieces: string[] = []
    const socket = new Writable({
      write: (chunk: Buffer, _encoding, done) => (pieces.push(chunk.toString()), done()),
      writev: (chunks, done) => (pieces.push(chunks.map(({ chunk }) => String(chunk)).join('')), done()),
    })
    gatherWrites(socket)
    for (const part of ['length ', 'packet ', 'code']) socket.write(part)
    await new Promise(setImmediate)
    socket.write('last ')
    socket.end('words')
    await once(socket, 'finish')
    assert.deepEqual(pieces, ['length packet code', 'last words'])
  })
})
