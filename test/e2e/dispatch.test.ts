/** The dispatcher over real hypervisors: one with every emulator, one with a single one, one without libvirt, one that is not there. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { packageRoot } from '../../src/paths.ts'
import { Lab, type Result } from '../lab/index.ts'

let lab: Lab
let inventory: string

before(async () => {
  lab = await Lab.create({ hosts: ['anemoi', 'boreas', 'hera'] })
  await lab.host('boreas').must('cd /usr/bin; for emulator in qemu-system-*; do case $emulator in qemu-system-i386) ;; *) rm "$emulator" ;; esac; done')
  await lab.host('hera').must('rm /usr/bin/virsh')
  const dir = join(lab.home, 'inventory')
  inventory = join(dir, 'hosts.ini')
  mkdirSync(join(dir, 'host_vars'), { recursive: true })
  const lines = lab.hosts.map(({ name, address }) => `${name} ansible_host=${address}`)
  writeFileSync(inventory, `[hypervisors]\n${lines.join('\n')}\nnobody ansible_host=10.77.0.99 ansible_timeout=2\n`)
  writeFileSync(join(dir, 'host_vars', 'localhost.yaml'), 'config:\n  permutations:\n    platforms: [debian_12]\n    targets: [amd64]\n  list:\n    - {platform: debian_12, target: amd64, name: huge, memory: 9000000}\n')
  writeFileSync(join(dir, 'host_vars', 'boreas.yaml'), 'config:\n  list:\n    - {platform: debian_12, target: amd64, name: pinned}\n')
})
after(() => lab[Symbol.asyncDispose]())

const dispatch = (...args: string[]): Promise<Result> => lab.controller([process.execPath, join(packageRoot, 'bin/farm'), 'dispatch', '-i', inventory, ...args], { timeout: 120_000 })

interface Told {
  readonly machines: readonly { readonly name: string; readonly hypervisor: string; readonly virtType: string; readonly exists: boolean }[]
  readonly unplaced: readonly { readonly name: string; readonly lacks: Readonly<Record<string, readonly string[]>> }[]
  readonly problems: readonly { readonly name: string; readonly problem: string }[]
}

test('hosts that cannot be asked are problems of their own, and each machine goes where it can run', async () => {
  const before = await lab.host('anemoi').footprint()
  const result = await dispatch('--json')
  assert.equal(result.code, 69, result.stderr)
  const { machines, unplaced, problems } = JSON.parse(result.stdout) as Told
  assert.deepEqual(machines.map(({ name, hypervisor, virtType, exists }) => [name, hypervisor, virtType, exists]), [['debian_12_amd64', 'anemoi', 'qemu', false]])
  assert.deepEqual(problems.map(({ name }) => name), ['hera', 'nobody'])
  assert.match(problems[0]?.problem ?? '', /libvirt is not installed/)
  assert.deepEqual(unplaced.map(({ name }) => name), ['huge', 'pinned'])
  assert.deepEqual(Object.keys(unplaced[1]?.lacks ?? {}), ['boreas'])
  const huge = unplaced.find(({ name }) => name === 'huge')
  assert.match(huge?.lacks['anemoi']?.join() ?? '', /^9000000 MiB wanted, \d+ MiB free$/)
  assert.match(huge?.lacks['boreas']?.join() ?? '', /no emulator for x86_64/)
  assert.match(huge?.lacks['hera']?.join() ?? '', /libvirt is not installed/)
  assert.deepEqual(await lab.host('anemoi').footprint(), before)
})

/** A machine that is off, as libvirt has it; with farm's mark, or without. */
function domain(name: string, cluster: string | undefined): string {
  const uuid = '6a4f8e6c-0d5e-4d0e-9a52-3f1b2a7c9d10'
  const mark = cluster === undefined ? '' : `<metadata><farm:machine xmlns:farm='urn:farm:1' cluster='${cluster}' uuid='${uuid}'/></metadata>`
  return `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid>${mark}<memory unit='MiB'>256</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>`
}

test('a machine of this farm\'s is found where it is; one of somebody else\'s with its name is in the way', async () => {
  const anemoi = lab.host('anemoi')
  const define = (cluster: string | undefined): Promise<string> => anemoi.must('cat >/tmp/d.xml; virsh -q define /tmp/d.xml', { input: domain('debian_12_amd64', cluster) })
  const planned = async (): Promise<Told> => JSON.parse((await dispatch('--json', '--only', 'debian_12_amd64', '--limit', 'anemoi')).stdout) as Told
  await define('test-farm')
  assert.deepEqual((await planned()).machines.map(({ name, exists }) => [name, exists]), [['debian_12_amd64', true]])
  for (const cluster of [undefined, 'another']) {
    await anemoi.must('virsh -q undefine debian_12_amd64')
    await define(cluster)
    assert.deepEqual((await planned()).unplaced.map(({ lacks }) => lacks), [{ anemoi: ['there is a machine called debian_12_amd64 that is not this farm\'s'] }])
  }
})
