import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { journalFile } from '../../../src/run/journal.ts'
import { SCRIPT } from '../report/script.ts'
import { farm } from './rig.ts'

/** Runs a recipe that goes as the script of the reports' tests has it; gives its id. */
async function runScript(argv: readonly string[] = []): Promise<string> {
  let id = ''
  await farm(['run', 'provision-cluster', ...argv], {
    run: (_farm, { sink, run }) => {
      id = run
      for (const event of SCRIPT) sink(event)
      return Promise.resolve(2)
    },
  }, { stdin: 'tr0ub4dor&3\n' })
  return id
}

describe('farm log', () => {
  test('lists runs, newest first', async () => {
    const ids = [await runScript(), await runScript()]
    const { code, out } = await farm(['log'])
    assert.equal(code, 0)
    const [heading, ...rows] = out.trimEnd().split('\n')
    assert.match(heading ?? '', /^RUN +WHEN +RECIPE +HOSTS +TOOK +VERDICT$/)
    assert.match(rows[0] ?? '', /^\d{8}-\d{6}-provision-cluster-\w{4} {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}provision-cluster +2 +16 s +failed$/)
    for (const id of ids) assert.ok(rows.some((row) => row.startsWith(id)))
    assert.ok((JSON.parse((await farm(['log', '--json'])).out) as { run: string }[]).some(({ run }) => run === ids[0]))
  })

  test('shows a run again as it was shown', async () => {
    const id = await runScript()
    const { out } = await farm(['log', id])
    assert.match(out, new RegExp(`^${id} {2}.* {2}farm run provision-cluster\n12:00:00 provision-cluster on anemoi, hera: 3 tasks\n`))
    assert.match(out, /\nfailed \[hera\] Install packages\n[^]*\nanemoi {2}ok 1 {2}changed 2\nhera {4}ok 1 {2}failed 1\nfailed \(16 s\)\n[^]*npx farm ssh boreas\n$/)
    assert.doesNotMatch(out, /Setting up qemu-utils/)
    assert.match((await farm(['log', id, '-v'])).out, /\| Setting up qemu-utils/)
  })

  test('shows what concerns one host alone', async () => {
    const { out } = await farm(['log', await runScript(), '--host', 'hera'])
    assert.match(out, /provision-cluster on hera: 3 tasks/)
    assert.doesNotMatch(out, /\[anemoi\]|anemoi {2}ok/)
  })

  test('names the hosts that failed, for --limit @FILE', async () => {
    assert.deepEqual(await farm(['log', await runScript(), '--failed-hosts']), { code: 0, out: 'hera\n', err: '' })
  })

  test('gives the events back', async () => {
    const { out } = await farm(['log', await runScript(), '--json'])
    assert.equal(out, SCRIPT.map((event) => `${JSON.stringify(event)}\n`).join(''))
  })

  test('an unknown run is answered with what there is', async () => {
    const { code, err } = await farm(['log', 'yesterday'])
    assert.equal(code, 64)
    assert.match(err, /there is no run called "yesterday"\n {2}hint: `farm log` lists them/)
  })

  test('no password gets into the journal, typed or on the command line', async () => {
    const id = await runScript(['-k', '-e', 'db_password=hunter2 x=1', '-e', '{"api_token": "abcdef", "y": 2}'])
    const text = await readFile(journalFile(id), 'utf8')
    assert.doesNotMatch(text, /hunter2|abcdef|tr0ub4dor/)
    assert.match(text, /db_password=\*{8} x=\*{8}/)
  })

  test('of --extra-vars only names get into the journal: which values are secret the recipe alone knows', async () => {
    const argv = ['-e', 'my_pin=4711', '-e', '{password: correct horse}', '--extra-vars=dbpw="s3 cret" y=2', '-vemy_key=opensesame', '-e=k=\'a "quoted" one\'', '-e', '@/dev/null']
    const id = await runScript(argv)
    const header = JSON.parse((await readFile(journalFile(id), 'utf8')).split('\n')[0] ?? '') as { argv: string[] }
    assert.deepEqual(header.argv, ['run', 'provision-cluster', '-e', 'my_pin=********', '-e', '{…}', '--extra-vars=dbpw=******** y=********', '-vemy_key=********', '-e=k=********', '-e', '@/dev/null'])
    assert.doesNotMatch((await farm(['log', id])).out, /4711|correct|s3|opensesame|quoted/)
  })

  test('shows the stacks of unexpected errors when asked to say more', async () => {
    let id = ''
    const failure = { code: 'unexpected', message: 'unexpected error: x', stack: ['TypeError: x', '    at /home/u/r.ts:3:4'] }
    await farm(['run', 'provision-cluster'], { run: (_farm, { sink, run }) => { id = run; sink({ time: 0, type: 'task-end', host: 'a', task: 't', outcome: 'failed', seconds: 0, failure }); return Promise.resolve(1) } })
    assert.doesNotMatch((await farm(['log', id])).out, /r\.ts/)
    assert.match((await farm(['log', id, '-vv'])).out, / TypeError: x\n +at \/home\/u\/r\.ts:3:4\n/)
    assert.match((await farm(['log', id], {}, { env: { FARM_DEBUG: '1' } })).out, /r\.ts:3:4/)
  })

  test('a run that could not begin has failed', async () => {
    await farm(['run', 'provision-cluster'], { run: () => Promise.reject(new Error('no such tag')) })
    const [run] = JSON.parse((await farm(['log', '--json'])).out) as { verdict: string; hosts?: number }[]
    assert.ok(run !== undefined)
    assert.match((await farm(['log'])).out, / - +- +failed\n/)
  })
})

test('a state directory that cannot be written is warned of, and the run goes on', async () => {
  const before = process.env['XDG_STATE_HOME']
  process.env['XDG_STATE_HOME'] = '/dev/null/nowhere'
  try {
    const { code, out } = await farm(['run', 'provision-cluster'])
    assert.equal(code, 0)
    assert.match(out, /warning: this run's journal cannot be written/)
  } finally {
    process.env['XDG_STATE_HOME'] = before
  }
})
