/** What goes wrong with machines, hypervisors and requests, and how far it spreads: ansible_farm's first failure ended everything. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { blankImage } from '../../lab/images.ts'
import { diffFootprints } from '../../lab/index.ts'
import { assertExit, eventsOf, failures, type Run } from '../farm.ts'
import { Field, machines, phases } from './field.ts'

const HOSTS = ['lynx', 'otter'] as const
const PPC = ['qemu-system-ppc64', 'qemu-system-ppc64le']

/** All that a run said when it failed. */
function said(run: Run): string {
  return failures(run).flatMap(({ message, hint, details = [] }) => [message, hint ?? '', ...details]).join('\n')
}

/** Results by machine. */
function results(run: Run): Record<string, string> {
  return Object.fromEntries(machines(run).map(({ machine, result }) => [machine, result]))
}

describe('trouble in a test farm', () => {
  let field: Field

  before(async () => {
    field = await Field.create({
      hosts: HOSTS,
      without: { lynx: PPC, otter: PPC },
      platforms: { bookworm: { amd64: {} } },
      config: '{ list: [{ platform: bookworm, target: amd64, name: good }, { platform: bookworm, target: ppc64, name: exotic }, { platform: dud, target: amd64, name: dud }] }',
      vms: ['project_id: proj'],
    })
    // Nothing but noise: the firmware finds nothing to start.
    await blankImage(join(field.lab.dir, 'www/dud'))
    field.write('platforms/dud.yaml', `memory: 128\nvcpus: 1\nshutdown_timeout: 5\nimage:\n  - fetch: { url: ${field.http.url}/dud/disk.qcow2, checksum: none }\n  - seed: { reader: farm }\n`)
    field.write('platforms/bookworm/ppc64.yaml', 'extends: amd64\n')
    field.write('group_vars/dud.yaml', 'connection_timeout: 20\n')
    // Beside the other inventory: nobody listens there.
    field.write('broken.yaml', 'all: { hosts: { otter: { ansible_port: 2200 } } }\n')
    field.write('dead.yaml', 'all: { hosts: { otter: { ansible_port: 2200 }, lynx: { ansible_port: 2200 } } }\n')
  })
  after(() => field?.[Symbol.asyncDispose]())

  /** Which host has a machine. */
  const homeOf = async (machine: string): Promise<string> => {
    for (const host of HOSTS) if ((await field.lab.host(host).must('virsh -q list --all --name')).split('\n').includes(machine)) return host
    return ''
  }
  const stateOf = async (machine: string): Promise<string> => field.state(await homeOf(machine), machine)

  it('refuses what does not exist before it changes anything, and says what there is', async () => {
    const before = await Promise.all(HOSTS.map((host) => field.lab.host(host).footprint()))
    const bad: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['--phases', 'startup,mian'], 65, /did you mean main/],
      [['--no-such-option'], 64, /no-such-option/],
      [['--only', 'bookworm/amd64', '--stale', 'perhaps'], 65, /stale/],
      [['--only', 'bookwrom/amd64'], 65, /bookwrom\/amd64[\s\S]*did you mean bookworm\/amd64/],
      [['--limit', 'goood'], 65, /--limit leaves no machine[\s\S]*dud, exotic, good/],
      [['-e', '{"config": {"list": [{"platform": "bokworm", "target": "amd64"}]}}'], 65, /did you mean bookworm[\s\S]*platforms\/bokworm/],
      [['-e', '{"config": {"list": [{"platform": "bookworm", "target": "amd46"}]}}'], 65, /did you mean amd64[\s\S]*targets\/amd46/],
      [['-e', '{"config": {"list": [{"platform": "bookworm", "target": "amd64", "vcpu": 2}]}}'], 65, /vcpu\b[\s\S]*\bvcpus\b/],
      [['--only', 'bookworm/amd64', '-e', 'phases_lookup_dir_path=phases/none'], 65, /phases\/none/],
    ]
    for (const [args, code, message] of bad) {
      const run = await field.test(...args)
      assertExit(run, code)
      assert.match(`${said(run)}\n${run.stderr}`, message, args.join(' '))
    }
    for (const [index, host] of HOSTS.entries()) assert.deepEqual(diffFootprints(before[index]!, await field.lab.host(host).footprint(), ['/var/log']), [])
  })

  it('makes nothing when a machine fits nowhere, and says what each hypervisor lacks', async () => {
    const run = await field.test()
    assertExit(run, 69)
    assert.match(said(run), /exotic fits nowhere: lynx: .*ppc64.*otter: .*ppc64/)
    assert.match(said(run), /--allow-unplaced/)
    for (const host of HOSTS) assert.equal((await field.lab.host(host).must('virsh -q list --all --name')).trim(), '')
  })

  it('takes the others through their lives when one does not boot, and tells how far that came', async () => {
    const run = await field.test('--allow-unplaced', '--junit', 'out/junit.xml')
    assertExit(run, 2)
    assert.deepEqual(results(run), { good: 'passed', dud: 'failed', exotic: 'unplaced' })
    assert.deepEqual(phases(run, 'good'), ['dependencies', 'init', 'main', 'terminate'])
    assert.match(said(run), /dud: no login within 20 s; it got as far as "(running|firmware)"/)
    assert.match(said(run), /farm console .*dud/)
    assert.equal(await stateOf('dud'), 'shut off')
    const junit = readFileSync(join(field.dir, 'out/junit.xml'), 'utf8')
    assert.match(junit, /<testsuite name="good" tests="\d+" failures="0" errors="0"/)
    assert.match(junit, /<testsuite name="dud" tests="\d+" failures="1"/)
    assert.match(junit, /<testcase name="main"[^>]* classname="[^"]*good"|<testcase [^>]*classname="[^"]*good"[^>]* name="main"/)
    assert.match(junit, /<failure [^>]*within 20 s/)
  })

  it('draws a table for people, in which the machine without a place stands', async () => {
    const run = await field.farm('run', 'test-farm', '-i', 'hosts.yaml', '-e', 'phases_lookup_dir_path=phases/greet', '--allow-unplaced', '--only', 'bookworm/*')
    assertExit(run, 0)
    assert.match(run.stdout, /platform +amd64 +ppc64\n.*bookworm +passed \d[\d.]* s \(from init\) +unplaced/)
  })

  it('leaves a machine as it is when the one that should take its place cannot have its network', async () => {
    const home = await homeOf('good')
    const before = await field.files(home)
    for (const net of [{ type: 'network', source: 'nowhere', ip: '10.9.0.2' }, { type: 'network', source: 'nowhere' }]) {
      const run = await field.test('--only', 'bookworm/amd64', '-e', JSON.stringify({ vm: { net } }))
      assertExit(run, 65)
      assert.match(said(run), /no libvirt network nowhere/)
      assert.equal(await stateOf('good'), 'shut off')
      assert.deepEqual(await field.files(home), before)
    }
  })

  it('gives the machines to the other hypervisors when one cannot be reached, and says so', async () => {
    const home = await homeOf('good')
    const run = await field.test('-i', 'broken.yaml', '--only', 'bookworm/amd64')
    assertExit(run, 0)
    assert.ok(eventsOf(run, 'task-end').some(({ host, outcome, message }) => host === 'otter' && outcome === 'unreachable' && /port 2200/.test(message ?? '')))
    assert.deepEqual(machines(run).map(({ machine, hypervisor, result, from }) => [machine, hypervisor, result, from]), [['good', 'lynx', 'passed', home === 'lynx' ? 'init' : undefined]])
  })

  it('fails with the code for unreachable hosts when no hypervisor can be reached', async () => {
    const run = await field.test('-i', 'dead.yaml', '--only', 'bookworm/amd64')
    assertExit(run, 4)
    assert.match(said(run), /none of the 2 hypervisors can be reached: lynx, otter/)
  })

  describe('a run that is broken off in main', () => {
    /** Starts a run whose main does not end. */
    const begun = async (): Promise<ReturnType<Field['start']>> => {
      field.phase('main', 'while [ ! -e /root/go ]; do sleep 0.2; done')
      const run = field.start('--only', 'bookworm/amd64')
      assert.ok(await run.reached((event) => event.type === 'task-start' && event.task === 'main'))
      field.phase('main')
      return run
    }

    it('powers the machine off after Ctrl-C, and lets the next run have it', async () => {
      const run = await begun()
      run.child.kill('SIGINT')
      assertExit(await run.end(), 130)
      assert.equal(await stateOf('good'), 'shut off')
      const next = await field.test('--only', 'bookworm/amd64')
      assertExit(next, 0)
      assert.deepEqual(phases(next, 'good'), ['main', 'terminate'])
    })

    it('is no hindrance to the next run when it was killed', async () => {
      await (await begun()).kill()
      const next = await field.test('--only', 'bookworm/amd64')
      assertExit(next, 0)
      assert.deepEqual(phases(next, 'good'), ['main', 'terminate'])
      assert.equal(await stateOf('good'), 'shut off')
    })
  })

  it('takes the word false for false: a machine that failed is powered off', async () => {
    field.phase('main', 'exit 1')
    const run = await field.test('--only', 'bookworm/amd64', '-e', 'keep_on_fail=false')
    assertExit(run, 2)
    assert.equal(await stateOf('good'), 'shut off')
    field.phase('main')
  })
})
