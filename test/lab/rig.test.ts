import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/paths.ts'
import { diffFootprints, Lab, until } from './index.ts'

test('two hosts of a lab have networks, rules, files and processes of their own', async () => {
  const outside = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')
  await using lab = await Lab.create({ hosts: ['anemoi', 'aeolus'] })
  const [anemoi, aeolus] = [lab.host('anemoi'), lab.host('aeolus')]
  const before = { anemoi: await anemoi.footprint(), aeolus: await aeolus.footprint() }
  assert.deepEqual(diffFootprints(before.anemoi, await anemoi.footprint()), [])

  const network = '<network><name>x</name><forward mode="nat"/><bridge name="br7" stp="off"/><ip address="10.9.0.1" netmask="255.255.255.0"/></network>'
  await anemoi.must('cat > /tmp/x.xml; virsh -q net-define /tmp/x.xml; virsh -q net-start x', { input: network })
  await anemoi.must('echo 1 > /etc/sysctl.d/x.conf; rm /etc/issue; chmod 600 /etc/hostname; (setsid sleep 1000 > /dev/null 2>&1 < /dev/null &)')
  const changes = diffFootprints(before.anemoi, await anemoi.footprint()).join('\n')
  for (const expected of [/appeared: network x/, /appeared: rule ipv4 nat .*MASQUERADE/, /appeared: interface br7/, /file \/tmp\/x\.xml/, /process .*dnsmasq/]) assert.match(changes, expected)
  for (const expected of [/sysctl ipv4\/ip_forward:1/, /file \/etc\/sysctl\.d\/x\.conf/, /file \/etc\/issue \(removed\)/, /\/etc\/hostname \(file 600/, /process sleep 1000/]) assert.match(changes, expected)
  assert.deepEqual(diffFootprints(before.aeolus, await aeolus.footprint()), [])
  assert.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'), outside)
  assert.equal(existsSync('/etc/sysctl.d/x.conf'), false)

  await anemoi.must('virsh -q net-destroy x; virsh -q net-undefine x; rm /tmp/x.xml; echo 0 > /proc/sys/net/ipv4/ip_forward')
  const rest = diffFootprints(before.anemoi, await anemoi.footprint(), ['/etc/sysctl.d', '/etc/issue', '/etc/hostname'])
  assert.deepEqual(rest, ['appeared: process sleep 1000'])
})

test('the controller reaches each host over SSH by a key and a host key that it knows', async () => {
  await using lab = await Lab.create({ hosts: ['anemoi'] })
  const result = await lab.controller(['ssh', '-o', 'BatchMode=yes', lab.host('anemoi').address, 'hostname'])
  assert.deepEqual([result.code, result.stdout], [0, 'anemoi\n'], result.stderr)
  assert.equal((await lab.controller(['virsh', 'list'])).code, 1, 'the controller must not see a libvirt')
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`a test run that ends by ${signal} leaves no process behind, and its files at most until the next lab`, async () => {
    const self = fileURLToPath(import.meta.url)
    const loader = self.endsWith('.ts') ? ['--import', 'jiti/register'] : []
    const child = spawn(process.execPath, [...loader, self.replace('rig.test', 'forsaken')], { cwd: packageRoot, stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { dir, root } = JSON.parse(String(line)) as { dir: string; root: string }
    child.kill(signal)
    await once(child, 'exit')
    await until('the host is gone', async () => (existsSync(root) ? undefined : true), 5_000)
    await using lab = await Lab.create({ hosts: [] })
    assert.equal(existsSync(dir), false)
    assert.equal(existsSync(lab.dir), true)
  })
}
