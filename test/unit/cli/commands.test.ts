import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { age } from '../../../src/cli/commands/status.ts'
import type { Engine, FarmExtras, RunRequest } from '../../../src/cli/engine.ts'
import { parseVaultId } from '../../../src/cli/open-farm.ts'
import { UnreachableError } from '../../../src/errors.ts'
import { farm, machine, PLAN } from './rig.ts'

const unreachable = [{ host: 'hera', error: new UnreachableError('host-unreachable', 'hera does not answer', { hint: 'is it on?' }) }]

describe('farm run', () => {
  test('passes on what was asked for', async () => {
    let seen: RunRequest | undefined
    let opened: unknown
    const { code } = await farm(['run', 'provision-cluster', '-C', '-f3', '-i', 'a.ini', '-i', 'b.ini', '-evm_mem=1', '-l', 'web', '-t', 'pool,net', '--tags=x', '--skip-tags', 'slow', '--start-at-task', 'Create*', '--force-handlers'], {
      openFarm: (sources, extra) => { opened = { sources, extra }; return Promise.resolve({ warnings: [] } as never) },
      run: (_farm, request) => { seen = request; return Promise.resolve(3) },
    })
    assert.equal(code, 3)
    assert.deepEqual(opened, { sources: ['a.ini', 'b.ini'], extra: ['vm_mem=1'] })
    assert.deepEqual([seen?.recipe.name, seen?.limit, seen?.check, seen?.forks, seen?.forceHandlers], ['provision-cluster', 'web', true, 3, true])
    assert.deepEqual([seen?.tags, seen?.skipTags, seen?.startAt, seen?.allowUnknownTags], [['pool', 'net', 'x'], ['slow'], 'Create*', false])
    assert.match(seen?.run ?? '', /^\d{8}-\d{6}-provision-cluster-[0-9a-f]{4}$/)
  })

  test('what it says of connections lies below the inventory, and passwords above all', async () => {
    let extras: FarmExtras | undefined
    const openFarm: Engine['openFarm'] = (_sources, _extra, given) => { extras = given; return Promise.resolve({ warnings: [] } as never) }
    await farm(['run', 'provision-cluster', '-u', 'alice', '--private-key', '/k', '-c', 'ssh', '-T', '7', '-b', '--become-user', 'bob', '--become-method', 'doas', '-k', '-K', '-J', '--vault-password-file', 'v'], { openFarm }, { stdin: 'va{{ult\nl0gin-pw\nr00t-pw\n' })
    assert.deepEqual(extras?.defaults, { ansible_user: 'alice', ansible_private_key_file: '/k', ansible_connection: 'ssh', ansible_timeout: 7, ansible_become: true, ansible_become_user: 'bob', ansible_become_method: 'doas' })
    assert.deepEqual(extras?.passwords, { ansible_password: 'l0gin-pw', ansible_become_password: 'r00t-pw' })
    assert.deepEqual(extras?.vault, { typed: [{ id: undefined, password: 'va{{ult' }], files: [{ id: undefined, file: 'v' }] })
    await farm(['run', 'provision-cluster'], { openFarm })
    assert.deepEqual(extras, { defaults: {}, passwords: {}, vault: undefined, variables: [] })
  })

  test('with an empty answer the password of -K is that of -k; without any there is an error', async () => {
    let extras: FarmExtras | undefined
    const openFarm: Engine['openFarm'] = (_sources, _extra, given) => { extras = given; return Promise.resolve({ warnings: [] } as never) }
    await farm(['run', 'provision-cluster', '-kK'], { openFarm }, { stdin: 'both-of-them\n\n' })
    assert.deepEqual(extras?.passwords, { ansible_password: 'both-of-them', ansible_become_password: 'both-of-them' })
    const { code, err } = await farm(['run', 'provision-cluster', '-K'], { openFarm }, { stdin: '\n' })
    assert.equal(code, 64)
    assert.match(err, /no password was given\n {2}hint: leave -K away/)
  })

  test('a password that was asked for is seen nowhere', async () => {
    const run: Engine['run'] = (_farm, { sink }) => {
      sink({ type: 'note', time: 0, level: 'info', message: 'tr0ub4dor&3 does not open it' })
      throw new UnreachableError('x', 'tr0ub4dor&3 was refused', { hint: "try 'tr0ub4dor&3'", details: ['password=tr0ub4dor&3'] })
    }
    for (const options of [[], ['--json']]) {
      const { out, err } = await farm(['run', 'provision-cluster', '-k', ...options], { run }, { stdin: 'tr0ub4dor&3\n' })
      assert.doesNotMatch(out + err, /tr0ub4dor/)
      assert.match(out, /\*{8} does not open it/)
      assert.match(err, /\*{8} was refused\n[^]*password=\*{8}\n[^]*try '\*{8}'/)
    }
  })

  test('a method of becoming root that does not exist is answered with those that do', async () => {
    assert.match((await farm(['run', 'provision-cluster', '--become-method', 'sudoo'])).err, /takes sudo, su or doas; got "sudoo"\n {2}hint: did you mean sudo\?/)
  })

  const nothing = { run: () => { throw new Error('must not run') } }

  test('--list-tasks shows tasks with their tags, and handlers', async () => {
    const { code, out } = await farm(['run', 'provision-cluster', '--list-tasks', '-K'], nothing)
    assert.deepEqual({ code, out }, { code: 0, out: 'Does provision-cluster: 2 hosts, 3 tasks\n  tasks\n    Check virtualization\n      Create the pool          [pool, storage]\n    handler: Restart libvirtd\n' })
  })

  test('lists can be combined, and are JSON for scripts', async () => {
    const { out } = await farm(['run', 'provision-cluster', '--list-hosts', '--list-tags', '--syntax-check'], nothing)
    assert.equal(out, 'Does provision-cluster: 2 hosts, 3 tasks\n  hosts\n    anemoi\n    hera\ntags: pool, storage\nprovision-cluster: nothing wrong is seen (3 tasks, 2 hosts)\n')
    assert.deepEqual(JSON.parse((await farm(['run', 'provision-cluster', '--list-tags', '--json'], nothing)).out), PLAN)
  })

  test('takes the inventory from $FARM_INVENTORY, and farm\'s own without it', async () => {
    const sources: unknown[] = []
    const engine = { openFarm: (from: readonly string[]) => { sources.push(...from); return Promise.resolve({ warnings: [] } as never) } }
    await farm(['run', 'provision-cluster'], engine, { env: { FARM_INVENTORY: '/etc/farm/hosts.ini' } })
    await farm(['run', 'provision-cluster'], engine)
    assert.equal(sources[0], '/etc/farm/hosts.ini')
    assert.match(String(sources[1]), /inventory\/localhost\.yaml$/)
  })

  test('what an inventory warns of is said', async () => {
    const engine = { openFarm: () => Promise.resolve({ warnings: ['hosts.ini:3: odd'] } as never) }
    assert.match((await farm(['run', 'provision-cluster'], engine)).out, /warning: hosts\.ini:3: odd/)
    assert.equal((await farm(['status'], engine)).err, 'farm: warning: hosts.ini:3: odd\n')
  })

  for (const [answer, ran] of [['y\n', true], ['yes\n', true], ['n\n', false], ['\n', false], ['', false], ['yikes\n', false]] as const) {
    test(`a person who answers ${JSON.stringify(answer)} ${ran ? 'goes on' : 'stops'}`, async () => {
      let done = false
      const { code, err } = await farm(['run', 'unprovision-cluster'], { run: () => { done = true; return Promise.resolve(0) } }, { tty: true, stdin: answer })
      assert.equal(done, ran)
      assert.equal(code, ran ? 0 : 130)
      assert.match(err, /on: anemoi, hera\n/)
    })
  }

  for (const [title, argv, tty] of [['without a terminal', [], false], ['with --yes', ['--yes'], true], ['in check mode', ['--check'], true]] as const) {
    test(`nobody is asked ${title}`, async () => {
      const { code, err } = await farm(['run', 'unprovision-cluster', ...argv], {}, { tty })
      assert.deepEqual({ code, err }, { code: 0, err: '' })
    })
  }

  test('--json tells of an error on standard output as an event, and people of it on standard error', async () => {
    const { code, out, err } = await farm(['run', 'nonsense', '--json'])
    assert.equal(code, 64)
    const event = JSON.parse(out) as { type: string; failure: { code: string } }
    assert.deepEqual([event.type, event.failure.code], ['failure', 'unknown-recipe'])
    assert.match(err, /there is no recipe called "nonsense"/)
  })
})

describe('farm status', () => {
  test('shows one line per machine', async () => {
    const { code, out } = await farm(['status'], { machines: () => Promise.resolve({ machines: [machine(), machine({ name: 'zephyrus', address: '127.0.0.1', port: 40_022 })], unreachable: [] }) })
    assert.equal(code, 0)
    assert.equal(out, 'NAME      HOST    CLUSTER  STATE    ADDRESS          AGE  OWNER\nboreas    anemoi  farm     running  172.17.2.10      3 h  alice@laptop\nzephyrus  anemoi  farm     running  127.0.0.1:40022  3 h  alice@laptop\n')
  })

  test('shows the others when a host does not answer, and ends with 4', async () => {
    const { code, out, err } = await farm(['status'], { machines: () => Promise.resolve({ machines: [machine()], unreachable }) })
    assert.equal(code, 4)
    assert.match(out, /boreas/)
    assert.equal(err, 'farm: hera does not answer\n  host hera\n  hint: is it on?\n')
  })

  test('--json has machines and failures', async () => {
    const { out } = await farm(['status', '--json'], { machines: () => Promise.resolve({ machines: [machine()], unreachable }) })
    const read = JSON.parse(out) as { machines: { name: string }[]; unreachable: { host: string; code: string }[] }
    assert.deepEqual([read.machines[0]?.name, read.unreachable[0]?.host, read.unreachable[0]?.code], ['boreas', 'hera', 'host-unreachable'])
  })

  test('escape sequences in what a host reports do not reach the terminal', async () => {
    const { out } = await farm(['status'], { machines: () => Promise.resolve({ machines: [machine({ owner: '\u001b[31mred\u0007' })], unreachable: [] }) })
    assert.match(out, / red\n$/)
  })

  test('ages are told in their largest unit', () => {
    const ago = (seconds: number): string => age(new Date(1e12 - seconds * 1000).toISOString(), 1e12)
    assert.deepEqual([5, 119, 120, 7199, 7200, 172_799, 172_800, -5].map(ago), ['5 s', '119 s', '2 min', '119 min', '2 h', '47 h', '2 d', '0 s'])
    assert.equal(age('', 0), '-')
  })
})

describe('farm ssh', () => {
  for (const [argv, command] of [[['boreas'], undefined], [['boreas', 'ls', '-la', '--', 'x y'], ['ls', '-la', '--', 'x y']], [['boreas', '--', '-v'], ['-v']], [['boreas', '--help'], ['--help']], [['-i', 'x', 'boreas@anemoi', 'id'], ['id']]] as const) {
    test(`farm ssh ${argv.join(' ')} runs ${command === undefined ? 'a shell' : JSON.stringify(command)}`, async () => {
      let seen: unknown = 'nothing'
      const { code } = await farm(['ssh', ...argv], { ssh: (_machine, words) => { seen = words; return Promise.resolve(7) } })
      assert.equal(code, 7)
      assert.deepEqual(seen, command)
    })
  }

  test('a misspelt name is answered with the nearest', async () => {
    const { code, err } = await farm(['ssh', 'borea'])
    assert.equal(code, 64)
    assert.match(err, /did you mean "boreas"\?/)
  })

  test('a name that two hosts have must be told apart', async () => {
    const machines = () => Promise.resolve({ machines: [machine(), machine({ host: 'hera' })], unreachable: [] })
    assert.match((await farm(['ssh', 'boreas'], { machines })).err, /boreas@anemoi, boreas@hera/)
    assert.equal((await farm(['ssh', 'boreas@hera'], { machines })).code, 0)
  })

  test('a machine that is not seen may be on the host that does not answer', async () => {
    const { code, err } = await farm(['ssh', 'eurus'], { machines: () => Promise.resolve({ machines: [], unreachable }) })
    assert.equal(code, 4)
    assert.match(err, /hera did not answer/)
  })

  test('a machine that is off is said to be off', async () => {
    const { code, err } = await farm(['console', 'boreas'], { machines: () => Promise.resolve({ machines: [machine({ state: 'shut off' })], unreachable: [] }) })
    assert.equal(code, 75)
    assert.match(err, /machine boreas is shut off/)
  })
})

describe('farm ssh-config', () => {
  test('prints blocks for OpenSSH and writes the host keys', async () => {
    const state = await mkdtemp(join(tmpdir(), 'farm-test-'))
    const before = process.env['XDG_STATE_HOME']
    process.env['XDG_STATE_HOME'] = state
    try {
      const { code, out } = await farm(['ssh-config'], { hostSpec: (_farm, name) => Promise.resolve({ name, connection: 'ssh', address: '10.0.0.9', user: 'alice', jumps: ['bob@gate:2222'] }) })
      assert.equal(code, 0)
      assert.equal(out, `Host boreas boreas.anemoi
  HostName 172.17.2.10
  Port 22
  User root
  IdentityFile /home/alice/.local/share/farm/id_ed25519
  IdentitiesOnly yes
  HostKeyAlias boreas.anemoi.farm
  UserKnownHostsFile ${state}/farm/known_hosts
  StrictHostKeyChecking yes
  ProxyJump farm-host-anemoi

Host farm-host-anemoi
  HostName 10.0.0.9
  User alice
  ProxyJump bob@gate:2222
`)
      assert.equal(await readFile(join(state, 'farm', 'known_hosts'), 'utf8'), 'boreas.anemoi.farm ssh-ed25519 AAAAC3Nza\n')
    } finally {
      if (before === undefined) delete process.env['XDG_STATE_HOME']
      else process.env['XDG_STATE_HOME'] = before
      await rm(state, { recursive: true })
    }
  })
})

describe('other commands', () => {
  test('farm list names recipes', async () => {
    assert.match((await farm(['list'])).out, /^RECIPE +HOSTS +WHAT IT DOES\nprovision-cluster +vmhost +Does provision-cluster\n/)
    assert.equal((JSON.parse((await farm(['list', '--json'])).out) as unknown[]).length, 2)
  })

  test('farm describe shows variables with unit and default', async () => {
    assert.match((await farm(['describe', 'provision-cluster'])).out, /vm_mem +integer +MiB +1024 +Memory of each machine/)
    const { variables } = JSON.parse((await farm(['describe', 'provision-cluster', '--json'])).out) as { variables: { name: string }[] }
    assert.equal(variables[0]?.name, 'vm_mem')
  })

  test('farm doctor ends with 69 when something is missing, and names the command that mends it', async () => {
    const { code, out } = await farm(['doctor'], { doctor: () => Promise.resolve([{ name: 'virsh', status: 'missing', detail: 'libvirt\'s client is not installed', mend: 'apt-get install -y libvirt-clients' }]) })
    assert.equal(code, 69)
    assert.match(out, /missing {2}virsh +libvirt's client is not installed\n +apt-get install -y libvirt-clients\n/)
    assert.equal((await farm(['doctor'])).code, 0)
  })

  test('a defect in farm is not taken for a host that does not answer', async () => {
    assert.equal((await farm(['doctor'], { doctor: () => Promise.reject(new TypeError('x')) })).code, 1)
  })

  test('farm doctor shows the other hosts when one does not answer', async () => {
    const { code, out } = await farm(['doctor'], { doctor: (_farm, host) => (host === 'hera' ? Promise.reject(unreachable[0]?.error) : Promise.resolve([])) })
    assert.equal(code, 4)
    assert.match(out, /anemoi[\s\S]*hera\n {2}hera does not answer/)
  })

  test('farm inventory wants --list or --host, and prints JSON', async () => {
    assert.equal((await farm(['inventory'])).code, 64)
    assert.equal((await farm(['inventory', '--list', '--host', 'a'])).code, 64)
    assert.deepEqual(JSON.parse((await farm(['inventory', '--host', 'a'])).out), { inventory_hostname: 'a' })
  })

  test('farm hosts prints one name a line', async () => {
    assert.equal((await farm(['hosts', 'vmhost'])).out, 'anemoi\nhera\n')
  })
})

test('--vault-id takes an id and a file, either without the other, or asks', () => {
  assert.deepEqual(['dev@file', 'dev@prompt', '@prompt', 'file', 'a@b@c'].map(parseVaultId), [{ id: 'dev', source: 'file' }, { id: 'dev', source: 'prompt' }, { id: undefined, source: 'prompt' }, { id: undefined, source: 'file' }, { id: 'a', source: 'b@c' }])
})
