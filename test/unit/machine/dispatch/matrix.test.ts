import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveDefinition, type DefinitionFacts, type MachineDefinition, type MatrixEntry } from '../../../../src/machine/definitions/index.ts'
import { onlyThese, planMatrix, type MatrixHost, type MatrixPlan, type ResolveEntry, type Survey } from '../../../../src/machine/dispatch/index.ts'
import { captured, POOL, type HostName } from '../../hypervisor/captured.ts'
import { TARGETS } from './rig.ts'

/** A definition of an entry: what the target says, and what `changes` make of it. */
const resolver = (changes: (entry: MatrixEntry, facts: DefinitionFacts) => Partial<MachineDefinition> = () => ({})): ResolveEntry => (entry, facts) => Promise.resolve({
  name: `${entry.platform}_${entry.target}`, platform: entry.platform, target: entry.target, virtType: 'auto', emulator: undefined, memory: 1024, vcpus: 2,
  disks: [{ device: 'vda', format: 'qcow2', size: 10 * 2 ** 30, bus: 'virtio', readonly: false, snapshot: true, file: undefined }],
  ...TARGETS[entry.target as keyof typeof TARGETS], ...entry.overrides, ...changes(entry, facts),
} as unknown as MachineDefinition)

const survey = (name: HostName, changes: Partial<Survey> = {}): Survey => ({ name, capabilities: captured(name), poolDir: POOL, existing: [], foreign: [], running: { memory: 0, cpus: 0 }, ownMemory: 0, ...changes })

const host = (name: HostName, changes: Partial<MatrixHost> = {}, found: Partial<Survey> = {}): MatrixHost => ({ name, survey: survey(name, found), resolve: resolver(), ...changes })

const broken: MatrixHost = { name: 'broken', survey: { name: 'broken', problem: 'libvirt is not installed' }, resolve: resolver() }

const config = { value: { permutations: { targets: ['amd64', 'arm64'], platforms: ['debian_12', 'debian_13'] }, list: [{ platform: 'arch', target: 'amd64' }] } }

const places = ({ machines }: MatrixPlan): Record<string, string> => Object.fromEntries(machines.map(({ name, hypervisor, virtType }) => [name, `${hypervisor} ${virtType}`]))

test('localhost\'s matrix is expanded and every machine gets a place', async () => {
  assert.deepEqual(places(await planMatrix({ hosts: [host('fedora'), host('raspberry')], config })), {
    arch_amd64: 'fedora kvm', debian_12_amd64: 'fedora kvm', debian_12_arm64: 'raspberry kvm', debian_13_amd64: 'fedora kvm', debian_13_arm64: 'raspberry kvm',
  })
})

test('a host that cannot be asked, though it is the first, is a problem of its own: the others get the machines', async () => {
  const plan = await planMatrix({ hosts: [broken, host('fedora'), host('raspberry')], config })
  assert.equal(plan.machines.length, 5)
  assert.deepEqual(plan.problems, [{ name: 'broken', problem: 'libvirt is not installed' }])
})

test('where no host can be asked nothing is placed, and nothing is lost', async () => {
  const plan = await planMatrix({ hosts: [broken], config })
  assert.equal(plan.machines.length, 0)
  assert.deepEqual(plan.unplaced.map(({ machine, lacks, entry }) => [machine, entry.target, lacks])[0], ['arch_amd64', 'amd64', { broken: ['libvirt is not installed'] }])
  assert.equal(plan.unplaced.length, 5)
})

test('an architecture that nobody can run fails alone', async () => {
  const plan = await planMatrix({ hosts: [host('debian-x86')], config })
  assert.deepEqual(plan.unplaced.map(({ machine }) => machine), ['debian_12_arm64', 'debian_13_arm64'])
  assert.deepEqual(plan.unplaced[0]?.lacks, { 'debian-x86': ['no emulator for aarch64 (apt-get install qemu-system-arm)'] })
  assert.equal(plan.machines.length, 3)
})

test('a hypervisor\'s own configuration stays there', async () => {
  const own = { value: { list: [{ platform: 'debian_12', target: 'amd64' }] } }
  assert.deepEqual(places(await planMatrix({ hosts: [host('debian-x86', { config: own }), host('fedora')], config: { value: { list: [{ platform: 'arch', target: 'amd64' }] } } })), { arch_amd64: 'fedora kvm', debian_12_amd64: 'debian-x86 qemu' })
})

test('a configuration that localhost and hypervisors read from one place is localhost\'s: its machines may be anywhere', async () => {
  const shared = { config: { value: structuredClone(config.value) } }
  assert.equal(places(await planMatrix({ hosts: [host('debian-foreign', shared), host('debian-x86', shared), host('fedora')], config }))['arch_amd64'], 'fedora kvm')
})

test('a machine that several hypervisors ask for exists once, on one of them', async () => {
  const own = { value: { list: [{ platform: 'debian_12', target: 'amd64' }] } }
  assert.deepEqual(places(await planMatrix({ hosts: [host('debian-x86', { config: own }), host('debian-foreign', { config: own }), host('fedora')] })), { debian_12_amd64: 'debian-foreign qemu' })
})

test('a machine that exists stays, and one that exists twice or is not wanted any more is spoken of', async () => {
  const existing = ['debian_12_amd64', 'old_amd64']
  const plan = await planMatrix({ hosts: [host('debian-x86', {}, { existing }), host('fedora', {}, { existing: ['debian_12_amd64'] })], config: { value: { list: [{ platform: 'debian_12', target: 'amd64' }] } } })
  assert.equal(places(plan)['debian_12_amd64'], 'debian-x86 qemu')
  assert.equal(plan.machines[0]?.exists, true)
  assert.deepEqual(plan.notes, ['debian_12_amd64 exists on debian-x86 and fedora: only one of them is used', 'old_amd64 exists on debian-x86, and no configuration asks for it any more'])
})

test('a machine of somebody else\'s with the same name is in the way there alone', async () => {
  const plan = await planMatrix({ hosts: [host('debian-x86'), host('fedora', {}, { foreign: ['arch_amd64'] })], config: { value: { list: [{ platform: 'arch', target: 'amd64' }] } } })
  assert.equal(places(plan)['arch_amd64'], 'debian-x86 qemu')
})

test('definitions may depend on the hypervisor, and are judged on each by what they are there', async () => {
  const resolve = resolver((_entry, facts) => ({ memory: Math.floor(facts.memory / 4), vcpus: facts.cpus }))
  const plan = await planMatrix({ hosts: [host('fedora', { resolve }), host('debian-every', { resolve })], config: { value: { list: [{ platform: 'arch', target: 'amd64' }, { platform: 'arch', target: 's390x' }] } } })
  assert.deepEqual(plan.machines.map(({ name, definition }) => [name, definition.memory, definition.vcpus]), [['arch_amd64', 7950, 16], ['arch_s390x', 8000, 8]])
})

test('a machine that would be too large on one hypervisor goes where its definition is smaller', async () => {
  const resolve = resolver((_entry, facts) => ({ memory: facts.name === 'fedora' ? 10 ** 6 : 1024 }))
  const [large, small] = [host('fedora', { resolve }), host('debian-x86', { resolve })]
  for (const hosts of [[large, small], [small, large]]) {
    assert.equal(places(await planMatrix({ hosts, config: { value: { list: [{ platform: 'arch', target: 'amd64' }] } } }))['arch_amd64'], 'debian-x86 qemu')
  }
})

test('hypervisors with variables of their own have definitions of their own', async () => {
  const own = (memory: number): Pick<MatrixHost, 'resolve'> => ({ resolve: resolver(() => ({ memory })) })
  const plan = await planMatrix({ hosts: [host('debian-x86', own(10 ** 6)), host('debian-foreign', own(2048))], config: { value: { list: [{ platform: 'arch', target: 'amd64' }] } } })
  assert.deepEqual(plan.machines.map(({ hypervisor, definition }) => [hypervisor, definition.memory]), [['debian-foreign', 2048]])
})

test('a definition is resolved once for all hypervisors whose facts it does not read', async () => {
  const read: string[] = []
  const one = (fact: 'arch' | 'memory' | undefined): ResolveEntry => { const inner = resolver((_entry, facts) => (read.push(fact === undefined ? '' : String(facts[fact])), {})); return (entry, facts) => inner(entry, facts) }
  const hosts: HostName[] = ['fedora', 'debian-x86', 'debian-foreign', 'raspberry']
  for (const [fact, expected] of [[undefined, ['']], ['arch', ['x86_64', 'aarch64']], ['memory', ['31800', '6746', '24000', '7811']]] as const) {
    read.length = 0
    const resolve = one(fact)
    await planMatrix({ hosts: hosts.map((name) => host(name, { resolve })), config: { value: { list: [{ platform: 'arch', target: 'amd64' }] } } })
    assert.deepEqual(read, expected)
  }
})

test('definitions that ship with farm are read once, however many hypervisors there are', async () => {
  let times = 0
  const resolve: ResolveEntry = (entry, facts) => {
    times += 1
    return resolveDefinition(entry, { dirs: [], facts, importModule: () => Promise.reject(new Error('nothing is imported')) })
  }
  await planMatrix({ hosts: (['fedora', 'debian-x86', 'raspberry'] as const).map((name) => host(name, { resolve })), config: { value: { list: [{ platform: 'debian_12', target: 'amd64' }] } } })
  assert.equal(times, 1)
})

test('what the first look left open is asked before anything is placed', async () => {
  const asked: unknown[] = []
  const ask: MatrixHost['ask'] = (known, questions) => {
    asked.push(questions)
    return Promise.resolve({ ...known, files: { '/opt/fw.fd': true } })
  }
  const resolve = resolver(() => ({ firmware: { kind: 'file', loader: '/opt/fw.fd', nvram: undefined }, virtType: 'qemu' }))
  const plan = await planMatrix({ hosts: [host('fedora', { resolve, ask })], config: { value: { list: [{ platform: 'arch', target: 'amd64' }] } } })
  assert.equal(plan.machines.length, 1)
  assert.deepEqual(asked, [{ domains: [{ arch: 'x86_64', machine: 'q35', virtType: 'qemu', emulator: undefined }], files: ['/opt/fw.fd'] }])
})

test('two entries that would make one machine are refused, also when files give the names', async () => {
  const resolve = resolver(() => ({ name: 'same' }))
  await assert.rejects(planMatrix({ hosts: [host('fedora', { resolve })], config }), /two different entries would make one machine same/)
})

test('memory that shall stay free is not promised, and that of the farm\'s own machines counts as free', async () => {
  const one = { value: { list: [{ platform: 'arch', target: 'amd64', memory: 5000 }] } }
  assert.equal((await planMatrix({ hosts: [host('debian-x86')], config: one })).machines.length, 1)
  const short = await planMatrix({ hosts: [host('debian-x86')], config: one, memoryReserve: 512 })
  assert.deepEqual(short.unplaced[0]?.lacks, { 'debian-x86': ['5000 MiB wanted, 4688 MiB free'] })
  assert.equal((await planMatrix({ hosts: [host('debian-x86', {}, { ownMemory: 1024 })], config: one, memoryReserve: 512 })).machines.length, 1)
})

test('a few machines are chosen by platform and target, or by name', () => {
  const entry = (platform: string, target: string): MatrixEntry => ({ platform, target, overrides: {} })
  assert.deepEqual([entry('debian_12', 'amd64'), entry('debian_12', 'arm64'), entry('debian.12', 'arm64')].map(onlyThese(['*/arm64', 'debian_12_amd64'])), [true, true, true])
  assert.deepEqual([entry('debian_12', 'amd64'), entry('debianx12', 'amd64')].map(onlyThese(['debian.12/amd64'])), [false, false])
  assert.equal(onlyThese(undefined)(entry('a', 'b')), true)
})
