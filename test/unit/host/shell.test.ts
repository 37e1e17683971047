import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { connect, type Connection, type Host } from '../../../src/host/index.ts'
import { bound, failureOf, Rig, runs, until, type Log } from './rig.ts'

// All of it must hold wherever the command runs.
for (const kind of ['local', 'ssh'] as const) {
  describe(`a command on a ${kind} connection`, { timeout: 60_000 }, () => {
    let rig: Rig
    let connection: Connection
    let host: Host
    let log: Log

    before(async () => {
      rig = new Rig()
      connection = kind === 'local' ? await connect({ name: 'here', connection: 'local' }) : await rig.connect((await rig.sshd()).spec)
      ;({ host, log } = bound(connection))
    })
    after(() => rig.close())

    it('gives text, json and lines of standard output, without what was said on standard error', async () => {
      assert.equal(await host.query`echo one; echo warning >&2; echo two`.text(), 'one\ntwo\n')
      assert.deepEqual(await host.query`echo '{"a": [1]}'; echo warning >&2`.json(), { a: [1] })
      assert.deepEqual(await host.query`printf '1\n2\n'`.lines(), ['1', '2'])
      const output = await host.query`echo out; echo err >&2`
      assert.equal(output.stdout, 'out\n')
      assert.equal(output.stderr, 'err\n')
    })

    it('quotes values and lists, the empty one too', async () => {
      const nasty = `a'b"c $(touch ${rig.path('pwned')}) \`id\` \\ *\n-n`
      assert.equal(await host.query`printf '<%s>' ${[nasty, '', 'x y', 7]}`.text(), `<${nasty}><><x y><7>`)
      assert.equal(existsSync(rig.path('pwned')), false)
    })

    it('fails with the command, the exit code, the host and the last lines of standard error', async () => {
      const error = await failureOf(host.query`for i in $(seq 30); do echo "line $i" >&2; done
        exit 7`)
      assert.equal(error.code, 'command-failed')
      assert.equal(error.exitCode, 2)
      assert.equal(error.message, 'for i in $(seq 30); do echo "line $i" >&2; done …: exit code 7')
      assert.equal(error.host, connection.spec.name)
      assert.equal(error.details.at(-1), 'line 30')
      assert.equal(error.details.length, 20)
    })

    it('shows standard output with the failure when standard error is empty', async () => {
      assert.deepEqual((await failureOf(host.query`echo reason; exit 1`)).details, ['reason'])
    })

    it('gives the exit code instead of failing when told nothrow', async () => {
      assert.equal((await host.query({ nothrow: true })`exit 3`).exitCode, 3)
      assert.equal((await host.query`exit 4`.nothrow()).exitCode, 4)
      assert.equal(await host.query`exit 5`.exitCode, 5)
    })

    it('stops at the first failure and at a misspelt variable', async () => {
      assert.equal((await failureOf(host.query`false; echo reached`)).code, 'command-failed')
      assert.equal((await failureOf(host.query`echo $misspelt`)).code, 'command-failed')
    })

    it('finds its standard input at the end when none is given', async () => {
      assert.equal(await host.query`cat`.text(), '')
      assert.equal(await host.query({ input: '' })`cat`.text(), '')
    })

    it('reads the input that is given, several megabytes too', async () => {
      assert.equal(await host.query({ input: 'a\0b' })`cat`.text(), 'a\0b')
      const big = Buffer.alloc(5_000_000, 'farm')
      assert.equal(await host.query({ input: big })`wc -c`.text(), '5000000\n')
    })

    it('pipes into a second command on the same host, and fails when the first does', async () => {
      assert.equal(await host.query`printf 'b\na\n'`.pipe`sort; hostname >&2`.text(), 'a\nb\n')
      assert.equal(await host.query`printf 'b\na\n'`.pipe(host.query`sort`).text(), 'a\nb\n')
      assert.equal((await failureOf(host.query`echo x; exit 9`.pipe`cat`)).message, 'echo x; exit 9: exit code 9')
    })

    it('keeps characters whole whose bytes arrive apart', async () => {
      const text = await host.query`printf '\\303'; sleep 0.05; printf '\\244\\360\\237'; sleep 0.05; printf '\\230\\200'`.text()
      assert.equal(text, 'ä😀')
    })

    it('ends the command and its children when the time is up', async () => {
      const pidFile = rig.path(`pid-${kind}`)
      const error = await failureOf(host.query({ timeout: '400ms' })`sleep 300 & echo $! > ${pidFile}; wait`)
      assert.equal(error.code, 'command-timeout')
      assert.match(error.message, /not done after 0\.4 s$/)
      const pid = Number(rig.read(`pid-${kind}`))
      assert.ok(pid > 1)
      await until(() => !runs(pid))
    })

    it('ends the command when its signal is aborted, and says that it was interrupted', async () => {
      const abort = new AbortController()
      const pidFile = rig.path(`aborted-${kind}`)
      const command = failureOf(host.query({ signal: abort.signal, nothrow: true })`echo $$ > ${pidFile}; exec sleep 300`)
      await until(() => existsSync(pidFile) && rig.read(`aborted-${kind}`).endsWith('\n'))
      abort.abort()
      assert.equal((await command).code, 'interrupted')
      await until(() => !runs(Number(rig.read(`aborted-${kind}`))))
    })

    it('starts nothing more once the task is interrupted', async () => {
      const { host: late } = bound(connection, { signal: AbortSignal.abort() })
      assert.equal((await failureOf(late.query`touch ${rig.path('late')}`)).code, 'interrupted')
      assert.equal(existsSync(rig.path('late')), false)
    })

    it('can be killed without a trace of it on this machine', async () => {
      const command = host.query`exec sleep 300`
      setTimeout(() => void command.kill(), 200)
      assert.match((await failureOf(command)).message, /ended by SIGTERM$/)
    })

    it('runs in the directory and with the variables it is given, and those only', async () => {
      process.env['FARM_TEST_SECRET'] = 'of the controller'
      const $ = host.query({ cwd: '/usr', env: { ...process.env, GREETING: "it's me" } })
      assert.equal(await $`pwd; echo "$GREETING"`.text(), "/usr\nit's me\n")
      if (kind === 'ssh') assert.equal(await $`echo "\${FARM_TEST_SECRET-none}"`.text(), 'none\n')
      delete process.env['FARM_TEST_SECRET']
    })

    it('does not keep all of a long output in memory', async () => {
      const output = await bound(connection).host.$`head -c 200000000 /dev/zero | tr '\\0' 'x' | fold -w 1000`
      assert.ok(output.stdout.length <= 4 << 20)
      assert.equal(output.stdout.length > 1 << 20, true)
    })

    it('fails rather than give a part when a query prints too much', async () => {
      const error = await failureOf(host.query`head -c 70000000 /dev/zero`)
      assert.equal(error.code, 'command-output')
    })

    it('is reported with its output when it changes something, and not when it only looks', async () => {
      await host.query`echo looked`
      await host.$`echo changed; printf 'half' >&2`
      assert.deepEqual(log.changes.map(({ summary, applied }) => [summary, applied]), [["echo changed; printf 'half' >&2", true]])
      assert.deepEqual(log.lines.toSorted(), ['stderr: half', 'stdout: changed'])
    })

    it('is reported and not run in check mode, while a query runs', async () => {
      const { host: checking, log: checked } = bound(connection, { check: true })
      const output = await checking.$`touch ${rig.path('check')}`
      assert.equal(output.exitCode, 0)
      assert.equal(output.stdout, '')
      assert.equal(await checking.query`echo looked`.text(), 'looked\n')
      assert.equal(await checking.change({ summary: 'touch it' }, ($) => $`touch ${rig.path('check')}`), false)
      assert.equal(existsSync(rig.path('check')), false)
      assert.deepEqual(checked.changes.map(({ applied }) => applied), [false, false])
    })

    it('is not reported again inside a change', async () => {
      const { host: fresh, log: reported } = bound(connection)
      assert.equal(await fresh.change({ summary: 'make a file' }, ($) => $`touch ${rig.path('made')}; echo made`), true)
      assert.deepEqual(reported.changes.map(({ summary }) => summary), ['make a file'])
      assert.deepEqual(reported.lines, ['stdout: made'])
    })

    it('writes a file, then finds that nothing is left to do', async () => {
      const path = rig.path(`file ${kind} 'x'`)
      const { host: fresh, log: reported } = bound(connection)
      assert.equal(await fresh.readFile(path), undefined)
      assert.equal(await fresh.ensureFile(path, 'grün\n', { mode: 0o600 }), true)
      assert.equal(await fresh.ensureFile(path, 'grün\n', { mode: 0o600 }), false)
      assert.equal(await fresh.readFile(path), 'grün\n')
      assert.equal(await fresh.ensureFile(path, 'grün\n', { mode: 0o640 }), true)
      assert.equal(execFileSync('stat', ['-c', '%a', path]).toString(), '640\n')
      assert.deepEqual(reported.changes.map(({ before, after }) => [before, after]), [
        ['', 'grün\n'],
        ['grün\n', 'grün\n'],
      ])
    })

    it('writes no file in check mode, but shows the difference', async () => {
      const { host: checking, log: checked } = bound(connection, { check: true })
      assert.equal(await checking.ensureFile(rig.path('unwritten'), 'x'), true)
      await checking.writeFile(rig.path('unwritten'), 'x')
      assert.equal(existsSync(rig.path('unwritten')), false)
      assert.deepEqual(checked.changes, [{ summary: `create ${rig.path('unwritten')}`, applied: false, before: '', after: 'x' }])
    })

    it('writes megabytes of bytes as they are', async () => {
      const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 256))
      await host.writeFile(rig.path('bytes'), bytes)
      assert.deepEqual(execFileSync('cat', [rig.path('bytes')], { maxBuffer: 1e7 }), bytes)
    })

    it('says why a file cannot be written, and leaves nothing behind', async () => {
      const error = await failureOf(host.writeFile(rig.path('nowhere/file'), 'x'))
      assert.equal(error.code, 'file-write')
      assert.match(error.message, /No such file or directory/)
      assert.match((await failureOf(host.writeFile('/etc', 'x'))).message, /it is a directory/)
    })

    it('refuses a value that is no text, one within quotes, and a NUL', async () => {
      const missing: unknown = undefined
      assert.throws(() => host.query`rm -rf ${missing}`, { code: 'command-value' })
      assert.throws(() => host.query`rm -rf ${{}}`, { code: 'command-value' })
      assert.throws(() => host.query`echo "${'x'}"`, { code: 'command-quotes' })
      assert.throws(() => host.query`echo '${'x'}'`, { code: 'command-quotes' })
      assert.throws(() => host.query`echo ${'a\0b'}`, { code: 'command-nul' })
      assert.equal(await host.query`echo "$(echo ${'a b'})" # it's`.text(), 'a b\n')
    })

    it('refuses a command that no kernel would take', async () => {
      assert.equal((await failureOf(host.query`echo ${'x'.repeat(200_000)}`)).code, 'command-too-long')
    })

    it('reaches a TCP port of the host, and says when nobody answers there', async () => {
      const other = await rig.sshd()
      const stream = await connection.dial('127.0.0.1', other.port)
      const banner = await new Promise<Buffer>((resolve) => stream.once('data', resolve))
      assert.match(banner.toString(), /^SSH-2\.0-OpenSSH/)
      stream.destroy()
      const error = await failureOf(connection.dial('127.0.0.1', 1))
      assert.equal(error.code, 'host-unreachable')
      assert.equal(error.exitCode, 4)
    })
  })
}
