/** A hypervisor where farm is nobody special: a user's own libvirt, which needs no root and touches nothing of the system's. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertExit } from '../farm.ts'
import { diffFootprints, type Footprint } from '../../lab/index.ts'
import { Field, machines, phases, trace } from './field.ts'

const MACHINE = 'bookworm_amd64'
const HOME = '/home/worker'

describe('a test farm in the libvirt session of an unprivileged user', () => {
  let field: Field
  let bare: Footprint

  before(async () => {
    field = await Field.create({ hosts: ['lynx'], platforms: { bookworm: { amd64: {} } }, config: '{ list: [{ platform: bookworm, target: amd64 }] }' })
    const lynx = field.lab.host('lynx')
    // A password that is none, and not a locked account: those may not log in at all.
    await lynx.must(`useradd --create-home --home-dir ${HOME} --shell /bin/sh --password '*' worker`)
    field.write('session.yaml', 'all: { hosts: { lynx: { ansible_user: worker, libvirt_uri: qemu:///session } } }\n')
    bare = await lynx.footprint()
  })
  after(() => field?.[Symbol.asyncDispose]())

  const test = (...args: readonly string[]): ReturnType<Field['test']> => field.test('-i', 'session.yaml', ...args)
  const virsh = (command: string): Promise<string> => field.lab.host('lynx').must(`su worker -c 'virsh -q -c qemu:///session ${command}'`)

  it('takes a machine through its life and keeps its snapshots', async () => {
    const run = await test()
    assertExit(run, 0)
    assert.deepEqual(phases(run, MACHINE), ['dependencies', 'init', 'main', 'terminate'])
    assert.deepEqual((await virsh(`snapshot-list ${MACHINE} --name`)).trim().split(/\s+/), ['clean', 'greet.0.init'])
    assert.equal((await virsh(`domstate ${MACHINE}`)).trim(), 'shut off')
  })

  it('starts from the init snapshot the second time', async () => {
    const run = await test()
    assertExit(run, 0)
    assert.deepEqual(machines(run).map(({ from }) => from), ['init'])
    assert.equal(trace(run, MACHINE), 'dependencies init main terminate')
  })

  it('keeps its files below the home directory, and leaves the system and its libvirt alone', async () => {
    const lynx = field.lab.host('lynx')
    for (const path of ['.local/share/libvirt/images/test-farm', '.cache/farm/images', '.local/state/farm/consoles']) {
      assert.notEqual((await lynx.must(`find ${HOME}/${path} -type f -user worker`)).trim(), '', path)
    }
    assert.equal((await lynx.must('virsh -q -c qemu:///system list --all --name')).trim(), '')
    // libvirt starts the session's daemons itself, and they end by themselves.
    const own = /process \S*\/(libvirtd|virtlogd) --timeout=\d+$/
    assert.deepEqual(diffFootprints(bare, await lynx.footprint(), [HOME, '/tmp']).filter((line) => !own.test(line)), [])
  })

  it('is shown by farm status, and removed without a trace but the cache of images', async () => {
    const status = await field.farm('status', '-i', 'hosts.yaml', '-i', 'session.yaml')
    assertExit(status, 0)
    assert.match(status.stdout, new RegExp(`${MACHINE} +lynx +test-farm +shut off`))
    assertExit(await field.farm('run', 'remove-test-farm', '-i', 'hosts.yaml', '-i', 'session.yaml', '--yes'), 0)
    assert.equal((await virsh('list --all --name')).trim(), '')
    assert.equal((await field.lab.host('lynx').exec(`ls ${HOME}/.local/share/libvirt/images/test-farm`)).stdout, '')
  })
})
