import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { aptRepo, HttpServer, Lab, VDE_SOURCE } from './index.ts'
import { guestImage } from './images.ts'

test('guests without the internet install packages and unpack sources from the repository of the lab', { timeout: 900_000 }, async () => {
  const repo = await aptRepo({ images: [await guestImage()], packages: ['tcc'], sources: [VDE_SOURCE] })
  await using lab = await Lab.create({ hosts: ['anemoi'] })
  await using server = await HttpServer.create({ root: repo.dir, lab })
  const anemoi = lab.host('anemoi')
  // A host's files are its own, so what is tried on it is gone with it.
  await anemoi.must(`rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*; printf '%s [trusted=yes] ${server.url} ${repo.suite} main\\n' deb deb-src > /etc/apt/sources.list`)
  await anemoi.must('apt-get -qq -o Acquire::Languages=none update; apt-get -qq --no-install-recommends install tcc', { timeout: 300_000 })
  assert.match(await anemoi.must('echo "int main(void) { return 7; }" | tcc -run - 2>&1 || echo $?'), /\b7\b/)
  await anemoi.must('cd /srv; apt-get -qq -o APT::Sandbox::User=root source vde2', { timeout: 300_000 })
  assert.equal(await anemoi.must('ls /srv/vde2-*/configure.ac'), `/srv/vde2-${VDE_SOURCE.version}/configure.ac\n`)
})

test('the repository of the lab is made once', async () => {
  const options = { images: [await guestImage()], packages: ['tcc'], sources: [VDE_SOURCE] }
  const { dir } = await aptRepo(options)
  assert.equal(existsSync(join(dir, 'apt')), false, 'what apt worked with is left')
  assert.equal((await aptRepo(options)).dir, dir)
  assert.notEqual((await aptRepo({ ...options, packages: ['file'] })).dir, dir)
})

test('hosts of a lab differ in the emulators that they have', async () => {
  await using lab = await Lab.create({ hosts: ['anemoi', 'aeolus'], without: { aeolus: ['qemu-system-aarch64'] } })
  const capabilities = async (name: string): Promise<string> => lab.host(name).must('virsh -q capabilities')
  assert.match(await capabilities('anemoi'), /<arch name='aarch64'>/)
  assert.doesNotMatch(await capabilities('aeolus'), /<arch name='aarch64'>/)
  assert.match(await capabilities('aeolus'), /<arch name='x86_64'>/)
  assert.equal(existsSync('/usr/bin/qemu-system-aarch64'), true)
})
