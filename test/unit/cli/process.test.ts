import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { packaged } from '../../../src/paths.ts'
import { runs, until } from '../host/rig.ts'

const execute = promisify(execFile)
const extension = import.meta.url.endsWith('.js') ? 'js' : 'ts'

/** Runs a piece of a module in a process of its own, from source or compiled, whichever this test is. */
function node(code: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: packaged(), stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The expression that imports a module of src/cli. */
function load(name: string): string {
  const file = JSON.stringify(new URL(`../../../src/cli/${name}.${extension}`, import.meta.url).href)
  return extension === 'js' ? `await import(${file})` : `await (await import('jiti')).createJiti(process.cwd() + '/x.js').import(${file})`
}

/** Waits until a process has printed a line with `text` on its standard error. */
async function said(child: ChildProcess, text: string): Promise<void> {
  let heard = ''
  for await (const chunk of child.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
    heard += String(chunk)
    if (heard.includes(text)) return
  }
  throw new Error(`never said "${text}" but: ${heard}`)
}

describe('Ctrl-C', () => {
  const program = `
    const { listenForInterruption } = ${load('signals')}
    const { signal } = listenForInterruption((line) => process.stderr.write(line + '\\n'))
    signal.addEventListener('abort', () => process.stderr.write('ends: ' + signal.reason.code + ' ' + signal.reason.exitCode + '\\n'))
    setInterval(() => {}, 1000)
    process.stderr.write('ready\\n')`

  for (const [name, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
    test(`once (${name}) asks for an orderly end, twice ends at once with ${code}`, async () => {
      const child = node(program)
      try {
        await said(child, 'ready')
        child.kill(name)
        await said(child, `ends: interrupted ${code}`)
        assert.equal(child.exitCode, null)
        child.kill(name)
        assert.deepEqual(await once(child, 'exit'), [code, null])
      } finally {
        child.kill('SIGKILL')
      }
    })
  }
})

test('Ctrl-C twice leaves no command alive, however stubborn', async () => {
  const child = node(`
    const { listenForInterruption } = ${load('signals')}
    const { connect } = ${load('../host/index')}
    const { PendingProcess } = ${load('../host/process')}
    const { signal } = listenForInterruption(() => {})
    const connection = await connect({ name: 'h', connection: 'local' })
    PendingProcess.around(connection.spawn(${JSON.stringify('trap "" TERM; echo $$; while :; do sleep 600; done')})).stdout.on('data', (text) => process.stderr.write('pid ' + text))
    signal.addEventListener('abort', () => process.stderr.write('ends\\n'))
    setInterval(() => {}, 1000)`)
  let heard = ''
  const pid = (): number => Number(/pid (\d+)/.exec(heard)?.[1])
  child.stderr?.on('data', (chunk: Buffer) => { heard += chunk.toString() })
  try {
    await until(() => pid() > 0)
    child.kill('SIGINT')
    await until(() => heard.includes('ends'))
    assert.ok(runs(pid()))
    child.kill('SIGINT')
    assert.deepEqual(await once(child, 'exit'), [130, null])
    await until(() => !runs(pid()))
  } finally {
    child.kill('SIGKILL')
    if (runs(pid())) process.kill(-pid(), 'SIGKILL')
  }
})

test('a reader that goes away early is no error, and does not break off the work', async () => {
  const child = node(`
    const { main } = ${load('main')}
    process.exitCode = await main(['help'])
    process.stderr.write('went on\\n')`)
  child.stdout?.destroy()
  let err = ''
  child.stderr?.on('data', (chunk: Buffer) => { err += chunk.toString() })
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.equal(err, 'went on\n')
})

describe('bin/farm', () => {
  test('--version prints the version of package.json', async () => {
    const { stdout } = await execute(packaged('bin', 'farm'), ['--version'])
    assert.match(stdout, /^farm \d+\.\d+\.\d+ \(Node v\d+\.\d+\.\d+\)\n$/)
  })

  test('--version starts within 2.5 times the time of an empty Node', async () => {
    const fastest = async (...args: string[]): Promise<number> => {
      const times: number[] = []
      for (let round = 0; round < 8; round += 1) {
        const began = performance.now()
        await execute(process.execPath, args)
        times.push(performance.now() - began)
      }
      return Math.min(...times)
    }
    const empty = await fastest('-e', '0')
    const version = await fastest(packaged('bin', 'farm'), '--version')
    assert.ok(version < 2.5 * empty, `${version.toFixed(0)} ms against ${empty.toFixed(0)} ms`)
  })

  test('without a build says what to run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'farm-test-'))
    try {
      await mkdir(join(folder, 'bin'))
      await cp(packaged('bin', 'farm'), join(folder, 'bin', 'farm'))
      await writeFile(join(folder, 'package.json'), '{ "type": "module", "version": "1.2.3" }')
      await assert.rejects(execute(join(folder, 'bin', 'farm'), ['list']), { code: 1, stderr: `farm: it is not built yet\n  hint: run \`npm run build\` in ${folder}/, or \`npm start\`\n` })
      assert.match((await execute(join(folder, 'bin', 'farm'), ['--version'])).stdout, /^farm 1\.2\.3 /)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('gives the exit code of the command', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'farm-test-'))
    try {
      await mkdir(join(folder, 'bin'))
      await mkdir(join(folder, 'dist', 'src', 'cli'), { recursive: true })
      await cp(packaged('bin', 'farm'), join(folder, 'bin', 'farm'))
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
      // A handle that a library left open must not keep the process, nor cut off what it printed.
      await writeFile(join(folder, 'dist', 'src', 'cli', 'main.js'), 'export function main(argv) { setInterval(() => {}, 1000); process.stdout.write(argv[0].repeat(200_000)); return 3 }')
      await assert.rejects(execute(join(folder, 'bin', 'farm'), ['x']), (error: { code: number; stdout: string }) => error.code === 3 && error.stdout.length === 200_000)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

if (extension === 'js') {
  test('no compiled module imports a source', async () => {
    const folder = packaged('dist')
    for (const name of await readdir(folder, { recursive: true })) {
      if (!/^(src|recipes|tasks).*\.js$/.test(name)) continue
      assert.doesNotMatch(await readFile(join(folder, name), 'utf8'), /(import\(|from )['"]\.[^'"]*\.ts['"]/, name)
    }
  })
}
