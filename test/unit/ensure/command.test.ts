import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { failureOf } from '../host/rig.ts'
import { bench, ODD_NAMES } from './bench.ts'

describe('ensure.command', { timeout: 60_000 }, () => {
  it('runs a script or a list of words, and gives what came of it', async (t) => {
    const { ensure, path, changes } = await bench(t)
    mkdirSync(path('work'))
    const done = await ensure.command({ cmd: 'pwd; cat; echo "$WORD" >&2; false; true', chdir: path('work'), stdin: 'in\n', env: { WORD: "it's" } })
    assert.deepEqual(done, { changed: true, stdout: `${path('work')}\nin\n`, stderr: "it's\n", exitCode: 0, skipped: undefined })
    for (const word of ODD_NAMES) assert.equal((await ensure.command({ cmd: ['printf', '%s', word] })).stdout, word)
    assert.equal(changes()[0]?.summary, 'run pwd; cat; echo "$WORD" >&2; false; true')
  })

  it('is not run in check mode, unless it only looks', async (t) => {
    const { check, path, changes } = await bench(t)
    assert.equal((await check.command({ cmd: ['touch', path('x')] })).changed, true)
    assert.equal(existsSync(path('x')), false)
    assert.deepEqual(changes().map(({ summary, applied }) => [summary, applied]), [[`run touch ${path('x')}`, false]])
    assert.deepEqual(await check.command({ cmd: 'echo seen', changed: false }), { changed: false, stdout: 'seen\n', stderr: '', exitCode: 0, skipped: undefined })
    assert.deepEqual(changes(), [])
  })

  it('is guarded by creates, removes, unless and onlyIf, asked in one round trip', async (t) => {
    const { ensure, path, roundTrips } = await bench(t)
    const cmd = `echo ran >> '${path('log')}'`
    writeFileSync(path('there'), '')
    const skipped = async (guards: object): Promise<string | undefined> => (await ensure.command({ cmd, ...guards })).skipped
    roundTrips()
    assert.equal(await skipped({ creates: path('there') }), `${path('there')} exists`)
    assert.equal(roundTrips(), 1)
    assert.equal(await skipped({ removes: path('gone') }), `${path('gone')} does not exist`)
    assert.equal(await skipped({ unless: 'test -e there', chdir: path() }), 'test -e there succeeds')
    assert.equal(await skipped({ onlyIf: 'exit 3' }), 'exit 3 fails')
    assert.equal(existsSync(path('log')), false)
    roundTrips()
    assert.equal(await skipped({ creates: path('gone'), removes: path('there'), unless: 'false', onlyIf: 'true' }), undefined)
    assert.equal(roundTrips(), 2)
    assert.equal(readFileSync(path('log'), 'utf8'), 'ran\n')
  })

  it('fails with the exit code and the last lines, or when its time is up', async (t) => {
    const { ensure } = await bench(t)
    const error = await failureOf(ensure.command({ cmd: 'echo why >&2; exit 7' }))
    assert.deepEqual([error.code, error.message, error.details], ['command-failed', 'echo why >&2; exit 7: exit code 7', ['why']])
    assert.match((await failureOf(ensure.command({ cmd: ['no-such-program'] }))).hint ?? '', /not installed/)
    assert.match((await failureOf(ensure.command({ cmd: 'sleep 60', timeout: 0.3 }))).message, /not done after 0\.3 s/)
  })
})

describe('ensure.template', { timeout: 60_000 }, () => {
  it('renders a template with the variables of the host, or with data of its own', async (t) => {
    const { ensure, path, project, changes } = await bench(t, { variables: { port: 8080 } })
    writeFileSync(join(project, 'templates', 'app.conf.hbs'), 'port = {{ port }}\n')
    writeFileSync(join(project, 'run.sh.hbs'), 'echo {{ word }}\n')
    const wanted = { src: 'app.conf', dest: path('app.conf'), mode: '0600' }
    assert.deepEqual(await ensure.template(wanted), { changed: true })
    assert.deepEqual(await ensure.template({ ...wanted, src: 'app.conf.hbs' }), { changed: false })
    assert.equal(readFileSync(path('app.conf'), 'utf8'), 'port = 8080\n')
    assert.deepEqual(await ensure.template({ ...wanted, data: { port: 1 } }), { changed: true })
    assert.deepEqual([changes()[1]?.before, changes().length], ['port = 8080\n', 0])
    await ensure.template({ src: './run.sh.hbs', dest: path('run.sh'), data: { word: "it's" } })
    assert.equal(readFileSync(path('run.sh'), 'utf8'), "echo 'it'\\''s'\n")
    assert.equal((await failureOf(ensure.template({ ...wanted, src: 'nothing' }))).code, 'template-missing')
    assert.equal((await failureOf(ensure.template({ ...wanted, data: {} }))).code, 'template')
  })
})
