import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { layers } from '../../../src/cli/engine.ts'
import { packaged, packagedCode } from '../../../src/paths.ts'
import { farm } from './rig.ts'

const dir = mkdtempSync(join(tmpdir(), 'farm-shell-'))
after(() => rmSync(dir, { recursive: true }))
const file = join(dir, 'look.ts')
writeFileSync(file, `
import { recipe, task, z } from 'farm'
export default recipe({
  description: 'Looks around', hosts: 'all', lock: false, vars: z.object({ look: z.boolean().default(true) }), interactive: ({ look }) => look,
  tasks: [task('Look', { when: ({ vars }) => vars.look }, async ({ shell, note }) => note('the shell ended with ' + String(await shell()))), task('Go on', () => {})],
})
`)
const extension = import.meta.url.endsWith('.js') ? 'js' : 'ts'
const start = join(dir, extension === 'js' ? 'start.mjs' : 'start.ts')
writeFileSync(start, `import { main } from ${JSON.stringify(packagedCode('src', 'cli', `main.${extension}`))}\nmain(process.argv.slice(2)).then((code) => { process.exitCode = code })\n`)

/** What a person sees who types \`input\` at a terminal. */
function type(input: string, ...argv: string[]): string {
  const command = [process.execPath, ...(extension === 'ts' ? ['--import', packaged('node_modules', 'jiti', 'lib', 'jiti-register.mjs')] : []), start, 'run', file, ...argv].join(' ')
  return execFileSync('script', ['-qec', command, '/dev/null'], { input, encoding: 'utf8', timeout: 60_000, env: { ...process.env, CI: '', TERM: 'xterm', SHELL: '/bin/sh', NO_COLOR: '1', XDG_STATE_HOME: dir } })
}

describe('a shell in the middle of a run', () => {
  const hosts = ['-i', 'one,two,', '-c', 'local']
  for (const [kind, argv] of [['the live picture', []], ['events', ['--json']]] as const) {
    test(`has the terminal to itself, one host after the other, and ${kind} goes on after it`, () => {
      const seen = type('echo "in-$((20+1))"; exit 3\necho "in-$((30+1))"; exit 4\n', ...hosts, ...argv)
      const places = ['in-21', 'in-31'].map((word) => seen.indexOf(word))
      assert.ok(places[0] !== undefined && places[1] !== undefined && places[0] > 0 && places[1] > places[0], seen)
      for (const code of [3, 4]) assert.match(seen, new RegExp(`the shell ended with ${code}`))
      // Between the beginning of the second shell and its end nothing else is said.
      assert.match(seen, kind === 'events' ? /"type":"run-end"/ : /done: nothing to change/)
    })
  }
  test('is refused before the run begins where there is no terminal', async () => {
    const { code, out } = await farm(['run', file, ...hosts], layers)
    assert.equal(code, 64)
    assert.match(out, /"Looks around" opens a shell on one, which needs a terminal/)
  })
  test('is no matter where it is not asked for', async () => {
    assert.equal((await farm(['run', file, '--look=no', ...hosts], layers)).code, 0)
  })
})
