import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { generateKeyPair } from '../../../src/host/index.ts'
import { until } from '../../unit/host/rig.ts'
import { failures } from '../farm.ts'
import { Stage } from './stage.ts'

let stage: Stage
before(async () => void (stage = await Stage.create(['web1', 'web2'])))
after(() => stage.close())

test('the same run twice changes nothing the second time', async () => {
  stage.recipe('files', "task('write', async ({ ensure, inventoryHost }) => void (await ensure.file({ path: '" + stage.rig.dir + "/' + inventoryHost, content: 'hello\\n' })))")
  const first = await stage.events('files')
  const second = await stage.events('files')
  const changed = (events: typeof first.events): number => events.filter((event) => event.type === 'change').length
  assert.deepEqual([first.code, changed(first.events), second.code, changed(second.events)], [0, 2, 0, 0])
})

test('output without a terminal has no escape codes and one line for each event; colours can be forced and refused', async () => {
  stage.recipe('plain', "task('speak', async ({ host }) => void (await host.$`printf '\\\\033[31mred\\\\033[0m\\\\n'`))")
  const { stdout, code } = await stage.run('run', './plain.ts', '-i', 'hosts.ini', '-v')
  assert.equal(code, 0)
  assert.doesNotMatch(stdout, /\u001b/)
  assert.equal(stdout.split('\n').filter((line) => /speak … .*changed/.test(line)).length, 2)
  const { FORCE_COLOR, both } = { FORCE_COLOR: await output({ FORCE_COLOR: '1' }), both: await output({ FORCE_COLOR: '1', NO_COLOR: '1' }) }
  assert.match(FORCE_COLOR, /\u001b\[/)
  assert.doesNotMatch(both, /\u001b/)

  async function output(env: Readonly<Record<string, string>>): Promise<string> {
    const child = stage.child(['run', './plain.ts', '-i', 'hosts.ini'], env)
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
    await new Promise((resolve) => child.once('close', resolve))
    return text
  }
})

test('a reader that goes away is no error and leaves no stack', () => {
  stage.recipe('many', "task('count', async ({ host }) => void (await host.$`seq 20000`))")
  const farm = [process.execPath, join(import.meta.dirname, '../../../../bin/farm')].map((word) => `'${word}'`).join(' ')
  const script = `{ ${farm} run ./many.ts -i hosts.ini -v; echo "code $?" >&2; } | head -1`
  const stderr = execFileSync('sh', ['-c', `( ${script} ) 2>&1 >/dev/null`], { cwd: stage.dir, encoding: 'utf8', env: { ...process.env, XDG_STATE_HOME: join(stage.dir, 'state') } })
  assert.match(stderr, /code (0|141)/)
  assert.doesNotMatch(stderr, / at .*:\d+:\d+/)
})

test('a hundred megabytes of output neither fill the memory nor miss in the journal', async () => {
  const lines = 1_000_000
  // Each line is a hundred bytes long.
  stage.recipe('much', `task('much', async ({ host }) => void (await host.$\`awk 'BEGIN { for (i = 1; i <= ${lines}; i++) printf "%099d\\\\n", i }'\`))`)
  const child = stage.child(['run', './much.ts', '-i', 'hosts.ini', '--limit', 'web1', '--quiet'])
  let peak = 0
  let first = 0
  const watch = setInterval(() => {
    try {
      const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0)
      peak = Math.max(peak, kilobytes)
      if (first === 0 && journalBytes() > 1 << 20) first = kilobytes
    } catch {
      // It has just ended.
    }
  }, 20)
  const code = await new Promise((resolve) => child.once('close', resolve))
  clearInterval(watch)
  assert.equal(code, 0)
  const journal = newest()
  assert.equal(readFileSync(journal, 'utf8').split('\n').filter((line) => line.includes('"type":"output"')).length, lines)
  assert.ok(peak - first < 64 * 1024, `grew by ${Math.round((peak - first) / 1024)} MB, from ${Math.round(first / 1024)}`)

  function newest(): string {
    const dir = join(stage.dir, 'state', 'farm', 'runs')
    const [last] = readdirSync(dir).map((file) => join(dir, file)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
    return last ?? ''
  }
  function journalBytes(): number {
    try {
      return newest().includes('much') ? statSync(newest()).size : 0
    } catch {
      return 0
    }
  }
})

describe('a server that goes away in the middle of a run', () => {
  test('makes its host unreachable, and the others go on', async () => {
    const own = await Stage.create(['web1', 'web2'])
    try {
      own.recipe('gone', "task('wait', { when: ({ inventoryHost }) => inventoryHost === 'web1' }, async ({ host }) => void (await host.$`echo ready; sleep 600`)), task('after', async ({ host }) => void (await host.$`true`))")
      const run = own.start('gone')
      assert.ok(await run.reached((event) => event.type === 'output' && event.line === 'ready'))
      const server = own.servers[0]?.pid ?? 0
      // The server's child that serves the connection, and the server, as `systemctl stop` with the session's end would do it.
      const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(server)], { encoding: 'utf8' }).split(/\s+/).filter(Boolean).map(Number)
      for (const pid of [server, ...children]) process.kill(pid, 'SIGKILL')
      const { code, events } = await run.end()
      assert.equal(code, 4)
      assert.deepEqual(events.flatMap((event) => (event.type === 'task-end' ? [`${event.host} ${event.task} ${event.outcome}`] : [])).toSorted(), ['web1 wait unreachable', 'web2 after changed', 'web2 wait skipped'])
    } finally {
      await own.close()
    }
  })
})

test('a host whose key is not the known one is refused, with both fingerprints and without a question', async () => {
  const known = stage.servers[0]?.spec.knownHostsFiles?.[0] ?? ''
  const text = readFileSync(known, 'utf8')
  const other = generateKeyPair('other').publicKey.split(' ').slice(0, 2).join(' ')
  stage.recipe('hello', "task('hello', async ({ host }) => void (await host.$`true`))")
  try {
    stage.rig.file(known.slice(stage.rig.dir.length + 1), `${text.split(' ')[0]} ${other}\n`)
    const run = await stage.events('hello', '--limit', 'web1')
    assert.equal(run.code, 4)
    const said = JSON.stringify(failures(run))
    assert.equal(new Set(said.match(/SHA256:[A-Za-z0-9+/]+/g)).size, 2, said)
  } finally {
    stage.rig.file(known.slice(stage.rig.dir.length + 1), text)
  }
})

test('a second farm on a host fails at once and names the first, with its process number', async () => {
  stage.write('locked.ts', "import { recipe, task } from 'farm'\nexport default recipe({ description: 'locked', hosts: 'web1', tasks: [task('hold', async ({ host }) => void (await host.$`echo ready; sleep 600`))] })\n")
  const first = stage.start('locked')
  assert.ok(await first.reached((event) => event.type === 'output' && event.line === 'ready'))
  const second = await stage.events('locked')
  first.child.kill('SIGTERM')
  await first.end()
  assert.equal(second.code, 75)
  assert.match(failures(second)[0]?.message ?? '', new RegExp(`another farm is at work .*pid ${first.child.pid}\\)`))
})

describe('a secret', () => {
  const secret = "hunter2's $ecret"
  test('is hidden in terminals, logs, events, diffs and errors, also as a shell or JSON writes it', async () => {
    stage.write('secret.yml', `token: !secret ${JSON.stringify(secret)}\n`)
    stage.recipe('leak', `task('diff', async ({ ensure, variables }) => void (await ensure.file({ path: '${stage.rig.dir}/leak', content: 'token=' + String(variables.get('token')) + '\\n' }))),
      task('leak', async ({ host, variables }) => void (await host.$\`echo \${String(variables.get('token'))}; echo \${JSON.stringify({ token: variables.get('token') })}; false \${String(variables.get('token'))}\`))`)
    const plain = await stage.run('run', './leak.ts', '-i', 'hosts.ini', '-e', '@secret.yml', '-vv', '--diff', '--limit', 'web1')
    const json = await stage.run('run', './leak.ts', '-i', 'hosts.ini', '-e', '@secret.yml', '--json', '--limit', 'web2')
    assert.deepEqual([plain.code, json.code], [2, 2])
    for (const text of [plain.stdout, plain.stderr, json.stdout, json.stderr, stage.journals()]) {
      assert.doesNotMatch(text, /hunter2|\$ecret/)
      assert.doesNotMatch(text, new RegExp(Buffer.from(secret).toString('base64').slice(0, 12)))
    }
    assert.match(plain.stdout, /\*{8}/)
    assert.equal(readFileSync(join(stage.rig.dir, 'leak'), 'utf8'), `token=${secret}\n`)
  })
})

test('when a jump host in the middle dies, the error names it', async () => {
  const own = await Stage.create(['one', 'two', 'three'])
  try {
    const [one, two, three] = own.servers.map((server) => server.spec)
    const known = own.rig.file('known-all', own.servers.map((server) => server.known).join(''))
    own.write('jump.ini', `far ansible_host=127.0.0.1 ansible_port=${three?.port} ansible_user=root ansible_private_key_file='${own.rig.clientKey}' farm_known_hosts='${known}' farm_jumps=root@127.0.0.1:${one?.port},root@127.0.0.1:${two?.port}\n`)
    own.recipe('hello', "task('hello', async ({ host }) => void (await host.$`true`))")
    assert.equal((await own.run('run', './hello.ts', '-i', 'jump.ini')).code, 0)
    process.kill(own.servers[1]?.pid ?? 0, 'SIGKILL')
    await until(() => { try { process.kill(own.servers[1]?.pid ?? 0, 0); return false } catch { return true } })
    const { code, stdout } = await own.run('run', './hello.ts', '-i', 'jump.ini')
    assert.equal(code, 4)
    assert.match(stdout, new RegExp(`${two?.port}`))
  } finally {
    await own.close()
  }
})

test('a clock that jumps backwards does not hold up a task that is tried again', async () => {
  stage.recipe('clock', "task('again', { retries: 3, delay: 0.01, until: ({ attempts }) => attempts === 3 }, () => { const now = Date.now; const shift = 86400000; Date.now = () => now() - shift; return 1 })")
  const { code, events } = await stage.events('clock', '--limit', 'web1')
  assert.equal(code, 0)
  assert.equal(events.filter((event) => event.type === 'retry').length, 2)
})

test('a forgotten await ends the run in order, and says so', async () => {
  stage.recipe('forgotten', "block('work', { tasks: [task('forget', ({ host }) => { void host.query`exit 3` }), task('wait', async ({ host }) => void (await host.$`sleep 600`))], always: [task('tidy up', async ({ host }) => void (await host.query`true`))] })")
  const run = stage.start('forgotten', '--limit', 'web1')
  const { code, events, stderr } = await run.end()
  assert.equal(code, 2, stderr)
  assert.match(stderr, /something failed that nobody waited for.*exit code 3/)
  assert.match(stderr, /await/)
  assert.ok(events.some((event) => event.type === 'task-end' && event.task === 'tidy up' && event.outcome === 'ok'))
})
