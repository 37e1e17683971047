import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { runs, until } from '../../unit/host/rig.ts'
import { Stage } from './stage.ts'

let stage: Stage
before(async () => void (stage = await Stage.create(['web1', 'web2'])))
after(() => stage.close())

/** Each host says the process number of a long command, which has a child; then waits for it. */
const LONG = (always: string): string => `block('work', {
  tasks: [
    task('long', async ({ host }) => void (await host.$\`echo "pid $$"; sleep 600 & echo "pid $!"; wait\`)),
    task('after', () => {}),
  ],
  rescue: [task('rescue', () => {})],
  always: [task('tidy up', async ({ host }) => void (await host.$\`echo tidy >> ${always}\`))],
})`

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  test(`${signal} ends what runs on the hosts within two seconds, does what is always done, says what was left undone, and exits with ${code}`, async () => {
    const tidied = join(stage.rig.dir, `tidied-${signal}`)
    stage.recipe('long', LONG(tidied))
    const run = stage.start('long')
    const pids = (): number[] => run.events.flatMap((event) => (event.type === 'output' && event.line.startsWith('pid ') ? [Number(event.line.slice(4))] : []))
    assert.ok(await run.reached(() => pids().length === 4))
    const interrupted = performance.now()
    run.child.kill(signal)
    await until(() => !pids().some(runs))
    assert.ok(performance.now() - interrupted < 2_000, 'commands still ran after two seconds')
    const { code: got, events, stderr } = await run.end()
    assert.equal(got, code, stderr)
    const end = events.at(-1)
    assert.ok(end?.type === 'run-end')
    assert.deepEqual(end.undone, { web1: ['after'], web2: ['after'] })
    assert.equal(end.exitCode, code)
    assert.equal(readFileSync(tidied, 'utf8'), 'tidy\ntidy\n')
    assert.ok(!events.some((event) => event.type === 'task-start' && event.task === 'rescue'))
  })
}

test('a person is told what was left undone, and how all hosts stand', async () => {
  stage.recipe('long', LONG('/dev/null'))
  const child = stage.child(['run', './long.ts', '-i', 'hosts.ini', '-v'])
  let out = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => void (out += text))
  await until(() => out.split('pid ').length === 5)
  child.kill('SIGINT')
  await new Promise((resolve) => child.once('close', resolve))
  assert.equal(child.exitCode, 130)
  assert.match(out, /left undone: web1, web2: "after"/)
  assert.match(out, /web2 .*failed 1/)
})

describe('a second interruption', () => {
  test('kills what runs on the hosts, however stubborn', async () => {
    stage.recipe('deaf', "task('deaf', async ({ host }) => void (await host.$`trap '' TERM; echo \"pid $$\"; while :; do sleep 600; done`))")
    const run = stage.start('deaf')
    const pids = (): number[] => run.events.flatMap((event) => (event.type === 'output' && event.line.startsWith('pid ') ? [Number(event.line.slice(4))] : []))
    assert.ok(await run.reached(() => pids().length === 2))
    const interrupted = run.reached((event) => event.type === 'note')
    run.child.kill('SIGINT')
    assert.ok(await interrupted)
    assert.ok(pids().every(runs))
    run.child.kill('SIGINT')
    assert.equal((await run.end()).code, 130)
    await until(() => !pids().some(runs))
  })

  test('ends farm at once, whatever still runs', async () => {
    stage.recipe('stubborn', "task('stubborn', () => { setInterval(() => {}, 1000); return new Promise<void>(() => {}) })")
    const run = stage.start('stubborn', '--limit', 'web1')
    assert.ok(await run.reached((event) => event.type === 'task-start'))
    const heard = run.reached((event) => event.type === 'note')
    run.child.kill('SIGINT')
    assert.ok(await heard)
    const started = performance.now()
    run.child.kill('SIGINT')
    const { code } = await run.end()
    assert.equal(code, 130)
    assert.ok(performance.now() - started < 5_000)
  })
})

test('what was cut off can be read afterwards', async () => {
  const { code, stdout } = await stage.run('log')
  assert.equal(code, 0)
  assert.match(stdout, /long/)
  const failed = await stage.run('log', 'last', '--failed-hosts')
  assert.equal(failed.code, 0)
})
