import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { failureOf } from '../host/rig.ts'
import { bench } from './bench.ts'

const CONFIG = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=main', '-c', 'commit.gpgsign=false', '-c', 'protocol.file.allow=always']
const git = (dir: string, ...args: string[]): string => execFileSync('git', ['-C', dir, ...CONFIG, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }).toString().trim()

function origin(path: string): { commit(text: string): string } {
  mkdirSync(path)
  git(path, 'init', '-q')
  return {
    commit(text) {
      writeFileSync(join(path, 'file'), text)
      git(path, 'add', '.')
      git(path, 'commit', '-q', '-m', text)
      return git(path, 'rev-parse', 'HEAD')
    },
  }
}

describe('ensure.git', { timeout: 60_000 }, () => {
  it('clones, follows the branch, and changes nothing when there is nothing new', async (t) => {
    const { ensure, check, path, roundTrips, changes, leftovers } = await bench(t)
    const { commit } = origin(path('repo'))
    const first = commit('one')
    const wanted = { repo: path('repo'), dest: path('deep', 'clone') }
    assert.deepEqual(await check.git(wanted), { changed: true, before: undefined, after: first })
    assert.equal(existsSync(path('deep')), false)
    roundTrips()
    assert.deepEqual(await ensure.git(wanted), { changed: true, before: undefined, after: first })
    assert.equal(roundTrips(), 2)
    assert.equal(readFileSync(path('deep', 'clone', 'file'), 'utf8'), 'one')
    assert.equal(git(path('deep', 'clone'), 'rev-parse', '--abbrev-ref', 'HEAD'), 'main')
    assert.deepEqual(await ensure.git(wanted), { changed: false, before: first, after: first })
    assert.equal(roundTrips(), 1)
    const second = commit('two')
    assert.equal((await ensure.git({ ...wanted, update: false })).changed, false)
    assert.deepEqual(await check.git(wanted), { changed: true, before: first, after: second })
    assert.equal(readFileSync(path('deep', 'clone', 'file'), 'utf8'), 'one')
    assert.deepEqual(await ensure.git(wanted), { changed: true, before: first, after: second })
    assert.equal(readFileSync(path('deep', 'clone', 'file'), 'utf8'), 'two')
    assert.equal(changes()[1]?.summary, `clone ${path('repo')} at ${first.slice(0, 12)} to ${path('deep', 'clone')}`)
    assert.deepEqual(leftovers(), [])
  })

  it('goes to a tag, an annotated tag, a commit, a short commit and another branch', async (t) => {
    const { ensure, path } = await bench(t)
    const { commit } = origin(path('repo'))
    const one = commit('one')
    git(path('repo'), 'tag', 'v1')
    const two = commit('two')
    git(path('repo'), 'tag', '-a', '-m', 'x', 'v2')
    const three = commit('three')
    git(path('repo'), 'branch', 'feature/x')
    const four = commit('four')
    const at = async (version: string) => (await ensure.git({ repo: path('repo'), dest: path('clone'), version })).after
    for (const [version, expected] of [['v1', one], ['v2', two], [three, three], ['feature/x', three], ['main', four], [one.slice(0, 9), one]] as const) {
      assert.equal(await at(version), expected, version)
      assert.equal(git(path('clone'), 'rev-parse', 'HEAD'), expected)
      assert.equal((await ensure.git({ repo: path('repo'), dest: path('clone'), version })).changed, false, version)
    }
    for (const version of ['v1', two]) {
      const dest = path(`shallow-${version}`)
      assert.equal((await ensure.git({ repo: `file://${path('repo')}`, dest, version, depth: 1 })).after, version === 'v1' ? one : two)
    }
  })

  it('refuses to lose local changes and commits, and names them; force loses them', async (t) => {
    const { ensure, path } = await bench(t)
    const { commit } = origin(path('repo'))
    commit('one')
    const wanted = { repo: path('repo'), dest: path('clone') }
    await ensure.git(wanted)
    writeFileSync(path('clone', 'file'), 'mine')
    assert.equal((await ensure.git(wanted)).changed, false)
    const two = commit('two')
    const error = await failureOf(ensure.git(wanted))
    assert.equal(error.code, 'git-local-changes')
    assert.deepEqual(error.details, [' M file'])
    git(path('clone'), 'commit', '-q', '-a', '-m', 'my own')
    const own = await failureOf(ensure.git(wanted))
    assert.match(own.details[0] ?? '', /my own$/)
    assert.equal((await ensure.git({ ...wanted, force: true })).after, two)
    writeFileSync(path('clone', 'file'), 'mine')
    assert.equal((await ensure.git({ ...wanted, force: true })).changed, true)
    assert.equal(readFileSync(path('clone', 'file'), 'utf8'), 'two')
    assert.equal((await ensure.git({ ...wanted, force: true })).changed, false)
  })

  it('says what is wrong with a version, a repository or a directory', async (t) => {
    const { ensure, path, leftovers } = await bench(t)
    const { commit } = origin(path('repo'))
    commit('one')
    const code = async (args: Parameters<typeof ensure.git>[0]) => (await failureOf(ensure.git(args))).code
    assert.equal(await code({ repo: path('repo'), dest: path('c'), version: 'no-such' }), 'git-version')
    assert.equal(await code({ repo: path('repo'), dest: path('c'), version: 'f'.repeat(40) }), 'git-version')
    assert.equal(await code({ repo: path('nothing'), dest: path('c') }), 'git-unreachable')
    assert.equal(await code({ repo: path('repo'), dest: path('project') }), 'git-directory')
    assert.equal(await code({ repo: '--upload-pack=x', dest: path('c') }), 'primitive')
    assert.deepEqual([existsSync(path('c')), leftovers()], [false, []])
  })

  it('brings submodules along', async (t) => {
    const { ensure, path } = await bench(t)
    const inner = origin(path('inner'))
    inner.commit('inner one')
    const { commit } = origin(path('repo'))
    git(path('repo'), 'submodule', '--quiet', 'add', path('inner'), 'sub')
    commit('with sub')
    const wrap = (command: string): string => `export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=protocol.file.allow GIT_CONFIG_VALUE_0=always\n${command}`
    const { ensure: allowed } = await bench(t, { wrap })
    void ensure
    const wanted = { repo: path('repo'), dest: path('clone'), recursive: true }
    assert.equal((await allowed.git(wanted)).changed, true)
    assert.equal(readFileSync(path('clone', 'sub', 'file'), 'utf8'), 'inner one')
    assert.equal((await allowed.git(wanted)).changed, false)
  })
})
