/** The projects that ship with farm, in a guest's own files but without a virtual machine around them: emulated, VDE takes ten minutes. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/paths.ts'
import { aptRepo, HttpServer, Lab, PROJECT_PACKAGES, VDE_SOURCE, type LabHost } from './index.ts'
import { guestImage, type GuestImage } from './images.ts'
import { must } from './process.ts'
import type { ProjectRun } from './run-project.ts'

const PORT = 2222

/** Unpacks an image on a host and starts its SSH server there, in the image's files; gives the key by which it is known. */
async function startGuest(lab: Lab, host: LabHost, image: GuestImage): Promise<string> {
  const raw = join(lab.dir, 'guest.raw')
  await must(['qemu-img', 'convert', '-O', 'raw', image.disk, raw])
  mkdirSync(host.path('/srv/guest'))
  await must(['/usr/sbin/debugfs', '-R', `rdump / ${host.path('/srv/guest')}`, raw], { timeout: 300_000 })
  rmSync(raw)
  const key = readFileSync(join(lab.home, '.ssh/id_ed25519.pub'), 'utf8')
  await host.must(`cd /srv/guest; mkdir -p proc dev run/sshd root/.ssh; mount -t proc proc proc; mount --rbind /dev dev; cat > root/.ssh/authorized_keys; chmod 700 root root/.ssh; chown -R root: root
    ssh-keygen -q -t ed25519 -N '' -f etc/ssh/ssh_host_ed25519_key; chroot . /usr/sbin/sshd -o Port=${PORT} -o ListenAddress=${host.address}`, { input: key })
  return readFileSync(host.path('/srv/guest/etc/ssh/ssh_host_ed25519_key.pub'), 'utf8').trim()
}

test('the projects that ship build from packages of a mirror, pass their smoke tests, and can be run again', { timeout: 1_800_000 }, async (t) => {
  const image = await guestImage()
  const repo = await aptRepo({ images: [image], packages: Object.values(PROJECT_PACKAGES).flat(), sources: [VDE_SOURCE] })
  await using lab = await Lab.create({ hosts: ['anemoi'] })
  await using server = await HttpServer.create({ root: repo.dir, lab })
  const anemoi = lab.host('anemoi')
  const hostKey = await startGuest(lab, anemoi, image)
  const script = fileURLToPath(import.meta.url).replace(/projects\.test\.(ts|js)$/, 'run-project.$1')
  const loader = script.endsWith('.ts') ? ['--import', 'jiti/register'] : []
  const run = async (asked: Pick<ProjectRun, 'project' | 'phases' | 'status'>) => {
    const whole: ProjectRun = { platform: 'debian_12', target: 'amd64', variables: { guest_mirror: `[trusted=yes] ${server.url}` }, address: anemoi.address, port: PORT, hostKey, projectDir: lab.dir, ...asked }
    const started = performance.now()
    const result = await lab.controller([process.execPath, ...loader, script, JSON.stringify(whole)], { cwd: packageRoot, timeout: 900_000 })
    t.diagnostic(`${asked.project} ${asked.phases.join(', ')}: ${Math.round((performance.now() - started) / 1000)} s`)
    return result
  }

  const hello = await run({ project: 'hello', phases: ['dependencies', 'init', 'main'] })
  assert.equal(hello.code, 0, hello.stderr)
  assert.match(await anemoi.must('/srv/guest/var/tmp/hello'), /^hello from x86_64$/m)
  assert.equal((await run({ project: 'hello', phases: ['main'] })).code, 0)
  await anemoi.must(`sed -i 's/hello from/farewell from/' /srv/guest/var/tmp/hello.c`)
  const changed = await run({ project: 'hello', phases: ['main'] })
  assert.notEqual(changed.code, 0)
  assert.match(changed.stderr, /main\.sh: exit code 1/)

  const vde = await run({ project: 'vde', phases: ['dependencies', 'init', 'main'] })
  assert.deepEqual([vde.code, vde.stdout], [0, '"VDE 2.3.2"\n'], vde.stderr)
  assert.equal((await run({ project: 'vde', phases: ['main', 'terminate'], status: 'succeeded' })).code, 0)
  assert.equal(existsSync(join(lab.dir, 'logs')), false)

  await anemoi.must('echo "#error not today" >> /srv/guest/usr/local/src/vde/src/vde_switch/vde_switch.c')
  const broken = await run({ project: 'vde', phases: ['main'] })
  assert.notEqual(broken.code, 0)
  assert.match(broken.stderr, /#error not today/)
  assert.equal((await run({ project: 'vde', phases: ['terminate'], status: 'failed' })).code, 0)
  assert.match(readFileSync(join(lab.dir, 'logs/guest/vde-build.log'), 'utf8'), /#error not today/)
})
