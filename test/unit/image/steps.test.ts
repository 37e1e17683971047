import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FarmError } from '../../../src/errors.ts'
import { posixQuote } from '../../../src/host/index.ts'
import { checkImageSource, ensureImage, type BaseImage, type PipelineSpec } from '../../../src/image/index.ts'
import { code, quiet, rig, type Rig } from './rig.ts'

const run = (program: string, args: readonly string[], input = ''): string => execFileSync(program, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })

function pipeline(r: Rig, file: string, steps: readonly (readonly [string, Record<string, unknown>])[], arch = 'x86_64'): PipelineSpec {
  return { kind: 'pipeline', arch, workingDir: r.workingDir, stepDirs: [], steps: [{ step: 'fetch', args: { url: file, checksum: 'none' } }, ...steps.map(([step, args]) => ({ step, args }))] }
}
const make = (r: Rig, file: string, ...steps: readonly (readonly [string, Record<string, unknown>])[]): Promise<BaseImage> => ensureImage(r.host, pipeline(r, file, steps), { cacheDir: r.cacheDir, ...quiet })

/** The image as a raw file, to be looked into. */
function rawOf(r: Rig, image: BaseImage): string {
  run('qemu-img', ['convert', '-O', 'raw', image.disk, join(r.dir, `${image.key}.raw`)])
  return join(r.dir, `${image.key}.raw`)
}

/** A disk with two partitions, the second of them with data that must stay where it is. */
function partitioned(r: Rig, label: 'gpt' | 'dos'): string {
  const file = join(r.dir, `${label}.raw`)
  run('truncate', ['-s', '8M', file])
  run('sfdisk', ['-q', file], `label: ${label}\nstart=2048,size=2048\nstart=4096\n`)
  const handle = openSync(file, 'r+')
  writeSync(handle, 'precious', 4096 * 512)
  closeSync(handle)
  return file
}

interface Table {
  readonly label: string
  readonly partitions: readonly { readonly start: number; readonly size: number; readonly uuid?: string }[]
}
const tableOf = (file: string): Table => (JSON.parse(run('sfdisk', ['--json', file])) as { partitiontable: Table }).partitiontable

for (const label of ['gpt', 'dos'] as const) {
  for (const format of ['raw', 'qcow2'] as const) {
    test(`resize lets the last partition of a ${label} table fill the larger disk (${format})`, async (t) => {
      const r = await rig(t)
      const source = partitioned(r, label)
      const before = tableOf(source)
      const file = rawOf(r, await make(r, source, ['convert', { to: format }], ['resize', { size: '64M', partition: 2 }]))
      const after = tableOf(file)
      assert.equal(after.partitions[1]?.start, 4096)
      const end = (after.partitions[1]?.start ?? 0) + (after.partitions[1]?.size ?? 0)
      // A GPT keeps its copy in the last 33 sectors.
      assert.ok(end * 512 > (64 << 20) - (2 << 20) && end * 512 <= 64 << 20, String(end))
      assert.deepEqual(after.partitions[0], { ...before.partitions[0], node: `${file}1` })
      assert.equal(after.partitions[1]?.uuid, before.partitions[1]?.uuid)
      assert.equal(readFileSync(file).subarray(4096 * 512, 4096 * 512 + 8).toString(), 'precious')
      assert.doesNotMatch(run('sh', ['-c', `sfdisk --verify "$1" 2>&1`, 'sh', file]), /corrupt|invalid|not at the end/i)
    })
  }
}

test('a partition with another behind it, or one that is not there, cannot grow', async (t) => {
  const r = await rig(t)
  const source = partitioned(r, 'gpt')
  await assert.rejects(make(r, source, ['resize', { size: '64M', partition: 1 }]), code('image-partition'))
  await assert.rejects(make(r, source, ['resize', { size: '64M', partition: 7 }]), code('image-partition'))
  writeFileSync(join(r.dir, 'blank.raw'), Buffer.alloc(1 << 20))
  await assert.rejects(make(r, join(r.dir, 'blank.raw'), ['resize', { size: '64M', partition: 1 }]), code('image-partition'))
})

for (const format of ['vmdk', 'vdi', 'vhdx', 'vpc'] as const) {
  test(`convert knows a ${format} image by its content`, async (t) => {
    const r = await rig(t)
    writeFileSync(join(r.dir, 'd.raw'), Buffer.alloc(1 << 20, 'farm disk '))
    run('qemu-img', ['convert', '-f', 'raw', '-O', format, join(r.dir, 'd.raw'), join(r.dir, `d.${format}`)])
    const image = await make(r, join(r.dir, `d.${format}`), ['convert', { to: 'qcow2' }])
    assert.equal(readFileSync(rawOf(r, image)).subarray(0, 10).toString(), 'farm disk ')
  })
}

test('an image that reads other files of the hypervisor is not touched by any step', async (t) => {
  const r = await rig(t)
  const base = join(r.dir, 'base.raw')
  writeFileSync(base, Buffer.alloc(1 << 20))
  for (const [format, options] of [['qcow2', ['-F', 'raw', '-b', base]], ['qed', ['-F', 'raw', '-b', base]]] as const) {
    run('qemu-img', ['create', '-q', '-f', format, ...options, join(r.dir, `o.${format}`)])
    for (const steps of [[['convert', { to: 'raw' }]], [['resize', { size: '2M' }]], [['customise', { files: [{ path: '/a', content: 'b' }] }]], []] as const) {
      await assert.rejects(make(r, join(r.dir, `o.${format}`), ...steps, ['copy', { src: `o.${format}`, dest: 'x' }]), (error: FarmError) => (assert.match(error.code, /image-(backing|format)/), true))
    }
  }
  run('qemu-img', ['create', '-q', '-f', 'vmdk', '-o', 'subformat=monolithicFlat', join(r.dir, 'flat.vmdk'), '1M'])
  await assert.rejects(make(r, join(r.dir, 'flat.vmdk'), ['convert', { from: 'vmdk', to: 'qcow2' }]))
})

/** An image that is one ext4 file system, as farm builds them. */
function ext4(r: Rig): string {
  const tree = join(r.dir, 'tree')
  mkdirSync(join(tree, 'etc'), { recursive: true })
  writeFileSync(join(tree, 'etc', 'motd'), 'old')
  run('mkfs.ext4', ['-q', '-F', '-d', tree, join(r.dir, 'fs.raw'), '8M'])
  return join(r.dir, 'fs.raw')
}

test('customise writes files into an image that farm built, without root and mounts', async (t) => {
  const r = await rig(t)
  const files = [{ path: '/etc/motd', content: 'new\n', mode: '0600' }, { path: '/opt/a b/c/run', content: '#!/bin/sh\n', mode: '0755' }, { path: '/opt/a b/empty', content: '' }]
  const file = rawOf(r, await make(r, ext4(r), ['convert', { to: 'qcow2' }], ['customise', { files }]))
  const debugfs = (command: string): string => run('debugfs', ['-R', command, file])
  assert.equal(debugfs('cat /etc/motd'), 'new\n')
  assert.match(debugfs('stat /etc/motd'), /Mode: +0600.*\nUser: +0 +Group: +0/s)
  assert.equal(debugfs('cat "/opt/a b/c/run"'), '#!/bin/sh\n')
  assert.match(debugfs('stat "/opt/a b/c/run"'), /Mode: +0755/)
  run('e2fsck', ['-fn', file])
})

test('files that do not fit into the image fail the step, and nothing is published', async (t) => {
  const r = await rig(t)
  await assert.rejects(make(r, ext4(r), ['customise', { files: [{ path: '/big', content: 'x'.repeat(9 << 20) }] }]), code('image-customise'))
  assert.deepEqual(readdirSync(r.cacheDir), [])
})

/** A host on which these programs are the test's own. */
function withPrograms(r: Rig, programs: Readonly<Record<string, string>>): ReturnType<Rig['bind']> {
  const bin = join(r.dir, 'bin')
  mkdirSync(bin)
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return r.bind({ wrap: (command) => `PATH=${bin}:$PATH\n${command}` })
}

test('customise tells virt-customize everything in files, so that no secret is among its arguments', async (t) => {
  const r = await rig(t)
  const host = withPrograms(r, {
    'virt-customize': `printf '%s\\n' "$@" > ${r.dir}/arguments; while [ $# -gt 0 ]; do [ "$1" != --commands-from-file ] || cat "$2" > ${r.dir}/told; shift; done; cat "$(sed -n 's/^root-password file://p' ${r.dir}/told)" > ${r.dir}/password; stat -c %a "$(sed -n 's/^root-password file://p' ${r.dir}/told)" >> ${r.dir}/password`,
  })
  const spec = pipeline(r, ext4(r), [['customise', { packages: ['vim', 'less'], root_password: 'open sesame', commands: ['useradd test'], files: [{ path: '/etc/x', content: 'y' }] }]])
  const image = await ensureImage(host, spec, { cacheDir: r.cacheDir, ...quiet })
  const told = readFileSync(join(r.dir, 'told'), 'utf8')
  for (const line of [/^install vim,less$/m, /^upload .*:\/etc\/x$/m, /^chmod 0644:\/etc\/x$/m, /^run-command useradd test$/m]) assert.match(told, line)
  assert.doesNotMatch(told + readFileSync(join(r.dir, 'arguments'), 'utf8'), /sesame/)
  assert.equal(readFileSync(join(r.dir, 'password'), 'utf8'), 'open sesame\n600\n')
  assert.doesNotMatch(readFileSync(join(image.dir, 'image.json'), 'utf8'), /sesame/)
  await assert.rejects(ensureImage(host, { ...spec, arch: 'aarch64', steps: [...spec.steps, { step: 'customise', args: { commands: ['true'] } }] }, { cacheDir: r.cacheDir, ...quiet }), code('image-arch'))
})

test('programs that the steps need are asked for before anything is changed', async (t) => {
  const r = await rig(t)
  const host = r.bind({ wrap: (command) => `command() { case "$2" in sfdisk|virt-customize) return 1 ;; *) builtin=1 ;; esac; }\n${command}` })
  await assert.rejects(checkImageSource(host, pipeline(r, ext4(r), [['resize', { size: '1G', partition: 1 }], ['customise', { packages: ['vim'] }]])), (error: FarmError) => {
    assert.equal(error.code, 'program-missing')
    assert.match(error.hint ?? '', /apt-get install fdisk libguestfs-tools/)
    return true
  })
  assert.deepEqual(r.changes, [])
})

for (const [what, works, hint] of [
  ['arch-test is missing', undefined, /apt-get install arch-test/],
  ['its programs run', true, undefined],
  ['its programs do not run', false, /arch-test|binfmt/],
] as const) {
  test(`a build for a foreign architecture is judged before it is begun: ${what}`, async (t) => {
    const r = await rig(t)
    const programs = withPrograms(r, { mmdebstrap: 'true', id: 'echo 0', 'arch-test': works === true ? 'true' : 'false' })
    const host = works === undefined ? r.bind({ wrap: (command) => `PATH=${r.dir}/bin:$PATH; command() { [ "$2" != arch-test ]; }\n${command}` }) : programs
    const spec: PipelineSpec = { kind: 'pipeline', arch: 'aarch64', workingDir: r.workingDir, stepDirs: [], steps: [{ step: 'build', args: { suite: 'bookworm' } }] }
    if (hint === undefined) return void assert.ok((await checkImageSource(host, spec)).size)
    await assert.rejects(checkImageSource(host, spec), (error: FarmError) => (assert.equal(error.code, 'foreign-arch'), assert.match(error.hint ?? '', hint), true))
    assert.deepEqual(r.changes, [])
  })
}

// Every command runs in a mount namespace where files stand in the place of the kernel's.
for (const [what, prepare, hint] of [
  ['binfmt_misc is not mounted', 'umount -l /proc/sys/fs/binfmt_misc 2>/dev/null || true; mount -t tmpfs none /proc/sys/fs/binfmt_misc', /mount -t binfmt_misc/],
  ['the entry is disabled', 'mount -t tmpfs none /proc/sys/fs/binfmt_misc; cd /proc/sys/fs/binfmt_misc; echo enabled >status; : >register; echo disabled >qemu-aarch64', /update-binfmts --enable qemu-aarch64/],
  ['nothing is registered', 'mount -t tmpfs none /proc/sys/fs/binfmt_misc; cd /proc/sys/fs/binfmt_misc; echo enabled >status; : >register', /binfmt/],
] as const) {
  test(`a host that cannot run foreign programs is told what to do: ${what}`, { skip: process.getuid?.() === 0 ? false : 'needs root' }, async (t) => {
    const r = await rig(t)
    withPrograms(r, { mmdebstrap: 'true', 'arch-test': 'exit 1' })
    const host = r.bind({ wrap: (command) => `export PATH=${r.dir}/bin:$PATH:/usr/sbin:/sbin\nexec unshare -m --propagation private sh -c ${posixQuote(`(${prepare}) || exit 9\n${command}`)}` })
    const spec = { kind: 'build', suite: 'bookworm', arch: 'arm64', packages: [] } as const
    await assert.rejects(checkImageSource(host, spec), (error: FarmError) => (assert.equal(error.code, 'foreign-arch', error.message), assert.match(error.hint ?? '', hint), true))
  })
}
