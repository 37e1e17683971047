/** The seed disk as other programs read it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { seedIso, type SeedSpec } from '../../../src/image/index.ts'
import { iso9660 } from '../../../src/image/iso9660.ts'
import { tar } from '../../../src/image/tar.ts'

const spec: SeedSpec = {
  instanceId: 'boreas-1',
  hostname: 'boreas',
  fqdn: 'boreas.farm.test',
  authorizedKeys: ['ssh-ed25519 AAAA alice: "the" #1'],
  hostKey: { privateKey: '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n', publicKey: 'ssh-ed25519 BBBB boreas' },
  caCertificates: [{ name: 'my domain.pem', pem: '-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----' }],
  packages: ['python3'],
  nameservers: ['10.0.2.3'],
  searchDomain: 'farm.test',
  mac: '52:54:00:12:34:56',
}

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'farm-seed-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function unpack(t: TestContext, iso: Uint8Array): string {
  const dir = scratch(t)
  writeFileSync(join(dir, 'seed.iso'), iso)
  execFileSync('xorriso', ['-read_fs', 'norock', '-indev', join(dir, 'seed.iso'), '-osirrox', 'on', '-extract', '/', join(dir, 'out')], { stdio: 'pipe' })
  return join(dir, 'out')
}

test('a seed disk is named cidata and has the names that cloud-init looks for', async (t) => {
  const dir = scratch(t)
  writeFileSync(join(dir, 'seed.iso'), await seedIso(spec))
  const found = execFileSync('xorriso', ['-read_fs', 'norock', '-indev', join(dir, 'seed.iso'), '-find', '/'], { stdio: 'pipe' }).toString()
  for (const name of ['/meta-data', '/user-data', '/network-config', '/farm/instance-id', '/farm/rootfs.tar']) assert.ok(found.includes(`'${name}'`), `${name} in ${found}`)
  assert.equal(execFileSync('blkid', ['-p', '-o', 'value', '-s', 'LABEL', join(dir, 'seed.iso')]).toString().trim(), 'cidata')
  const plain = execFileSync('xorriso', ['-read_fs', 'nojoliet', '-ecma119_map', 'unmapped', '-indev', join(dir, 'seed.iso'), '-find', '/'], { stdio: 'pipe' }).toString()
  assert.match(plain, /USER_DAT/)
})

test('files come back from the disk as they were, whatever their size', (t) => {
  const contents = [0, 1, 2047, 2048, 2049, 100_000].map((size) => Buffer.alloc(size, size % 251))
  const out = unpack(t, iso9660('cidata', contents.map((content, index) => ({ path: index % 2 ? `zz/file-${index}` : `${index}-a-rather-long-name.txt`, content }))))
  for (const [index, content] of contents.entries()) assert.deepEqual(readFileSync(join(out, index % 2 ? `zz/file-${index}` : `${index}-a-rather-long-name.txt`)), content)
})

test('the same machine always gets the same disk', async () => {
  assert.deepEqual(await seedIso(spec), await seedIso({ ...spec }))
})

test('cloud-init is told all that a machine needs to know, with every value as text', async (t) => {
  const out = unpack(t, await seedIso(spec))
  const read = (name: string): unknown => parse(readFileSync(join(out, name), 'utf8'), { version: '1.1' })
  assert.deepEqual(read('meta-data'), { 'instance-id': 'boreas-1', 'local-hostname': 'boreas' })
  assert.ok(readFileSync(join(out, 'user-data'), 'utf8').startsWith('#cloud-config\n'))
  const user = read('user-data') as Record<string, unknown>
  assert.equal(user['fqdn'], 'boreas.farm.test')
  assert.equal(user['disable_root'], false)
  assert.deepEqual(user['ssh_authorized_keys'], spec.authorizedKeys)
  assert.deepEqual(user['ssh_keys'], { ed25519_private: spec.hostKey.privateKey, ed25519_public: spec.hostKey.publicKey })
  assert.deepEqual(user['ca_certs'], { trusted: [`${spec.caCertificates[0]?.pem}\n`] })
  assert.deepEqual(user['packages'], ['python3'])
  const network = read('network-config') as { ethernets: { farm0: { match: unknown; nameservers: unknown } } }
  assert.deepEqual(network.ethernets.farm0.match, { macaddress: '52:54:00:12:34:56' })
  assert.deepEqual(network.ethernets.farm0.nameservers, { addresses: ['10.0.2.3'], search: ['farm.test'] })
})

test('the tree for farm guests holds names, keys and certificates with safe modes', async (t) => {
  const out = unpack(t, await seedIso(spec))
  const dir = scratch(t)
  const listing = execFileSync('tar', ['-tvf', join(out, 'farm/rootfs.tar')]).toString()
  assert.match(listing, /^-rw------- root\/root .* etc\/ssh\/ssh_host_ed25519_key$/m)
  assert.match(listing, /^drwx------ root\/root .* root\/\.ssh\/$/m)
  execFileSync('tar', ['-C', dir, '-xf', join(out, 'farm/rootfs.tar')])
  assert.equal(readFileSync(join(dir, 'etc/hostname'), 'utf8'), 'boreas\n')
  assert.match(readFileSync(join(dir, 'etc/hosts'), 'utf8'), /^127\.0\.1\.1 boreas\.farm\.test boreas$/m)
  assert.equal(readFileSync(join(dir, 'root/.ssh/authorized_keys'), 'utf8'), `${spec.authorizedKeys[0]}\n`)
  assert.ok(statSync(join(dir, 'usr/local/share/ca-certificates/my-domain.crt')).isFile())
})

test('a project can replace the documents for cloud-init by name', async (t) => {
  const { mkdirSync } = await import('node:fs')
  const dir = scratch(t)
  mkdirSync(join(dir, 'cloud-init'))
  for (const name of ['meta-data', 'user-data', 'network-config']) writeFileSync(join(dir, 'cloud-init', `${name}.yaml.hbs`), `mine: {{hostname}}\n`)
  const out = unpack(t, await seedIso(spec, [dir]))
  assert.equal(readFileSync(join(out, 'user-data'), 'utf8'), 'mine: "boreas"\n')
})

test('a tar archive refuses names that it cannot hold', () => {
  assert.throws(() => tar([{ path: 'x'.repeat(101), mode: 0o644, content: '' }]), RangeError)
  assert.throws(() => tar([{ path: '/etc/passwd', mode: 0o644, content: '' }]), RangeError)
})

test('further keys of the cloud-config are added to what farm says, whatever is in them', async (t) => {
  const userData = { runcmd: [['sh', '-c', 'echo "a: #b" > /x']], 'odd: key': { deep: [1, true, null] } }
  const user = parse(readFileSync(join(unpack(t, await seedIso({ ...spec, userData })), 'user-data'), 'utf8')) as Record<string, unknown>
  assert.deepEqual({ runcmd: user['runcmd'], 'odd: key': user['odd: key'] }, userData)
  assert.equal(user['hostname'], 'boreas')
})
