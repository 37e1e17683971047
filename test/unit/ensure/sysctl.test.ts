import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { editSettings, HEADER, sysctlPath } from '../../../src/ensure/sysctl-file.ts'
import { Sandbox } from './sandbox.ts'

let box: Sandbox
before(async () => void (box = await Sandbox.create()))
after(() => box[Symbol.asyncDispose]())

// Settings below net/ are those of the sandbox's own network.
const NAME = 'net.ipv4.conf.lo.forwarding'
const now = (path = 'net/ipv4/conf/lo/forwarding'): string => box.sh(`cat /proc/sys/${path}`).trim()

test('a setting is made in the kernel and in a file, once, and taken out of the file again', async () => {
  const { ensure, changes, started } = box.bind()
  assert.equal(now(), '0')
  assert.deepEqual(await ensure.sysctl({ name: NAME, value: true }), { changed: true })
  assert.equal(started(), 2)
  assert.equal(now(), '1')
  assert.equal(box.read('/etc/sysctl.d/60-farm.conf'), `${HEADER}\n${NAME} = 1\n`)
  assert.deepEqual(await ensure.sysctl({ name: NAME, value: 1 }), { changed: false })
  assert.deepEqual(await ensure.sysctl({ name: NAME, state: 'absent' }), { changed: true })
  assert.deepEqual([box.read('/etc/sysctl.d/60-farm.conf'), now()], [undefined, '1'])
  assert.deepEqual(await ensure.sysctl({ name: NAME, state: 'absent' }), { changed: false })
  assert.deepEqual(changes.map(({ summary }) => summary), [`set ${NAME} to 1 (was 0) and write /etc/sysctl.d/60-farm.conf`, 'remove /etc/sysctl.d/60-farm.conf'])
})

test('several settings go in one go, lists of words among them, into the file that is named', async () => {
  const { ensure, changes } = box.bind()
  const wanted = { values: { 'net.ipv4.ip_local_port_range': '20000 50000', 'net/ipv4/conf/lo/rp_filter': 2 }, file: '/etc/sysctl.d/10-mine.conf' }
  assert.deepEqual(await ensure.sysctl(wanted), { changed: true })
  assert.equal(now('net/ipv4/ip_local_port_range'), '20000\t50000')
  assert.deepEqual(await ensure.sysctl(wanted), { changed: false })
  assert.equal(changes[0]?.diff?.after, `net.ipv4.ip_local_port_range: 20000 50000\nnet/ipv4/conf/lo/rp_filter: 2\n${HEADER}\nnet.ipv4.ip_local_port_range = 20000 50000\nnet/ipv4/conf/lo/rp_filter = 2\n`)
})

test('in check mode, and with live: false, the kernel stays as it is', async () => {
  const checking = box.bind({ check: true })
  assert.deepEqual(await checking.ensure.sysctl({ name: 'net.ipv4.conf.lo.log_martians', value: 1 }), { changed: true })
  assert.equal(checking.changes[0]?.applied, false)
  const { ensure } = box.bind()
  assert.deepEqual(await ensure.sysctl({ name: 'net.ipv4.conf.lo.log_martians', value: 1, live: false, file: '/etc/sysctl.d/20-later.conf' }), { changed: true })
  assert.equal(now('net/ipv4/conf/lo/log_martians'), '0')
  assert.match(box.read('/etc/sysctl.d/20-later.conf') ?? '', /log_martians = 1/)
})

test('an unknown setting is refused with what was meant, or with the module that brings it', async () => {
  const { ensure, changes } = box.bind()
  await assert.rejects(ensure.sysctl({ name: 'net.ipv4.ip_fowrard', value: 1 }), { code: 'sysctl-unknown', hint: 'did you mean net.ipv4.ip_forward?' })
  await assert.rejects(ensure.sysctl({ name: 'net.bridge.that-no-kernel-has-under-any-name', value: 1 }), { code: 'sysctl-unknown', hint: 'modprobe br_netfilter on the host brings it' })
  assert.deepEqual(changes, [])
})

test('a value that the kernel does not take is an error, and is not written into the file either', async () => {
  const { ensure } = box.bind()
  await assert.rejects(ensure.sysctl({ name: 'net.ipv4.ip_local_port_range', value: 'many', file: '/etc/sysctl.d/30-bad.conf' }), { code: 'ensure-failed', message: /the kernel does not take many for net\/ipv4\/ip_local_port_range$/ })
  assert.equal(box.read('/etc/sysctl.d/30-bad.conf'), undefined)
})

test('arguments that make no sense are refused', async () => {
  const { ensure } = box.bind()
  for (const wrong of [{ name: 'net.ipv4.ip_forward' }, { value: 1 }, { name: '../../etc/passwd', value: 1 }, { name: 'net.ipv4.ip_forward', value: '1\n2' }, { name: 'net.ipv4.ip_forward', value: 1, state: 'absent' as const }]) {
    await assert.rejects(ensure.sysctl(wrong), { code: 'primitive' })
  }
})

test('the first separator of a name decides what the others are', () => {
  assert.equal(sysctlPath('net.ipv4.ip_forward'), 'net/ipv4/ip_forward')
  assert.equal(sysctlPath('net/ipv4/conf/eth0.100/forwarding'), 'net/ipv4/conf/eth0.100/forwarding')
  assert.equal(sysctlPath('net.ipv4.conf.eth0/100.forwarding'), 'net/ipv4/conf/eth0.100/forwarding')
})

test('other lines of the file stay; of several lines for one setting the last keeps its place', () => {
  const wanted = (value: string | undefined): ReadonlyMap<string, { name: string; value: string | undefined }> => new Map([['vm/swappiness', { name: 'vm.swappiness', value }]])
  const text = '# ours\nvm.swappiness=1\n-kernel.panic = 5\n; note\nvm/swappiness =  10\n'
  assert.equal(editSettings(text, wanted('20')), '# ours\n-kernel.panic = 5\n; note\nvm.swappiness = 20\n')
  assert.equal(editSettings('vm.swappiness=20\n', wanted('20')), 'vm.swappiness=20\n')
  assert.equal(editSettings(text, wanted(undefined)), '# ours\n-kernel.panic = 5\n; note\n')
  assert.equal(editSettings(`${HEADER}\nvm.swappiness = 1\n`, wanted(undefined)), undefined)
})
