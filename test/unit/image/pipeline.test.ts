import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'node:test'
import { CapacityError, InterruptedError, UnreachableError, type FarmError } from '../../../src/errors.ts'
import { importFile } from '../../../src/recipe/import.ts'
import { bindHost } from '../../../src/host/index.ts'
import { checkImageSource, checkSteps, ensureImage, imageKey, inspectImage, plannedImage, type DownloadSpec, type ImageStep, type PipelineSpec } from '../../../src/image/index.ts'
import { stepFailure } from '../../../src/image/steps/check.ts'
import { code, publish, qcow2, quiet, rig, sha512, type Rig } from './rig.ts'

const importModule = importFile

function pipeline(r: Pick<Rig, 'workingDir'>, steps: readonly (readonly [string, Record<string, unknown>])[], stepDirs: readonly string[] = []): PipelineSpec {
  return { kind: 'pipeline', arch: 'x86_64', workingDir: r.workingDir, stepDirs, importModule, steps: steps.map(([step, args], index) => ({ step, args, location: { file: '/project/platforms/x.yaml', line: index + 1 } })) }
}

/** Serves a file; its address and checksum are what a step fetch wants. */
function serve(r: Rig, name: string, body: Buffer): { url: string; checksum: string } {
  r.files.set(`/${name}`, { body })
  return { url: `${r.url}/${name}`, checksum: `sha512:${sha512(body)}` }
}

const info = (disk: string): { format: string; 'virtual-size': number } => JSON.parse(execFileSync('qemu-img', ['info', '-U', '--output=json', disk], { encoding: 'utf8' })) as { format: string; 'virtual-size': number }
const same = (a: string, b: string): string => execFileSync('qemu-img', ['compare', a, b], { encoding: 'utf8' })
const raw = (r: Rig, name: string, content: Buffer): string => {
  mkdirSync(join(r.dir, 'src'), { recursive: true })
  writeFileSync(join(r.dir, 'src', name), content)
  return join(r.dir, 'src', name)
}
/** Bytes that compress well and are not all the same. */
const content = (kibibytes: number): Buffer => Buffer.alloc(kibibytes << 10, 'farm disk ')

test('a compressed raw image becomes a qcow2 image of the wanted size, and nothing else remains', async (t) => {
  const r = await rig(t)
  const disk = raw(r, 'disk.raw', content(2048))
  const fetched = serve(r, 'disk.raw.xz', execFileSync('xz', ['-c', disk]))
  const spec = pipeline(r, [['fetch', fetched], ['unarchive', {}], ['resize', { size: '16M' }], ['seed', { reader: 'none' }]])
  assert.ok(((await checkImageSource(r.host, spec)).size ?? 0) > 0)
  const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.equal(info(image.disk)['virtual-size'], 16 << 20)
  assert.equal(info(image.disk).format, 'qcow2')
  assert.equal(image.virtualSize, 16 << 20)
  assert.equal(image.seed, 'none')
  assert.match(same(disk, image.disk), /identical/)
  assert.deepEqual(readdirSync(image.dir).sort(), ['disk.qcow2', 'image.json'])
  assert.deepEqual(readdirSync(r.cacheDir), [image.key])
  assert.deepEqual(readdirSync(r.workingDir).filter((name) => name.endsWith('.part')), [])
  assert.deepEqual(await inspectImage(r.host, spec, r.cacheDir), image)
  assert.deepEqual({ ...plannedImage(spec, r.cacheDir), virtualSize: image.virtualSize }, image)
})

test('an image that is in the cache needs no network', async (t) => {
  const r = await rig(t)
  const spec = pipeline(r, [['fetch', serve(r, 'd.qcow2', qcow2(r.dir))], ['resize', { size: '8M' }]])
  const first = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  r.files.clear()
  r.requests.length = 0
  assert.deepEqual(await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet }), first)
  assert.deepEqual(r.requests, [])
})

for (const [ending, pack] of [
  ['gz', (file: string) => execFileSync('gzip', ['-c', file])],
  ['bz2', (file: string) => execFileSync('bzip2', ['-c', file])],
  ['zst', (file: string) => execFileSync('zstd', ['-qc', file])],
] as const) {
  test(`unarchive unpacks .${ending} to the name that dest gives`, async (t) => {
    const r = await rig(t)
    const disk = raw(r, 'disk.raw', content(512))
    const spec = pipeline(r, [['fetch', serve(r, `d.${ending}`, pack(disk))], ['unarchive', { dest: 'inner/my disk.img' }], ['copy', { src: 'inner/my disk.img', dest: 'again.img' }]])
    const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
    assert.match(same(disk, image.disk), /identical/)
  })
}

for (const [name, pack] of [
  ['d.tar', (dir: string) => execFileSync('tar', ['-C', dir, '-c', 'readme', 'disk.raw'])],
  ['d.tar.gz', (dir: string) => execFileSync('tar', ['-C', dir, '-cz', 'readme', 'disk.raw'])],
  ['d.tgz', (dir: string) => execFileSync('tar', ['-C', dir, '-cz', 'disk.raw', 'readme'])],
  ['d.tar.bz2', (dir: string) => execFileSync('tar', ['-C', dir, '-cj', 'readme', 'disk.raw'])],
  ['d.tar.xz', (dir: string) => execFileSync('tar', ['-C', dir, '-cJ', 'disk.raw'])],
  ['d.zip', (dir: string) => execFileSync('python3', ['-c', 'import zipfile,sys,io\nb=io.BytesIO()\nz=zipfile.ZipFile(b,"w")\nz.write(sys.argv[1]+"/readme","readme")\nz.write(sys.argv[1]+"/disk.raw","disk.raw")\nz.close()\nsys.stdout.buffer.write(b.getvalue())', dir])],
] as const) {
  test(`unarchive finds the image in ${name}`, async (t) => {
    const r = await rig(t)
    const disk = raw(r, 'disk.raw', content(512))
    raw(r, 'readme', Buffer.from('hello'))
    const image = await ensureImage(r.host, pipeline(r, [['fetch', serve(r, name, pack(join(r.dir, 'src')))], ['unarchive', { dest: 'sub dir' }]]), { cacheDir: r.cacheDir, ...quiet })
    assert.match(same(disk, image.disk), /identical/)
  })
}

test('an archive that would write or link outside of its place is refused, and nothing of it remains', async (t) => {
  const r = await rig(t)
  raw(r, 'disk.raw', content(512))
  const src = join(r.dir, 'src')
  const archives = {
    'up.tar': execFileSync('tar', ['-C', src, '-cP', '--transform', 's,^,../,', 'disk.raw']),
    'abs.tar': execFileSync('tar', ['-C', src, '-cP', '--transform', 's,^,/tmp/,', 'disk.raw']),
    'link.tar': (execFileSync('ln', ['-s', '/etc', join(src, 'etc')]), execFileSync('tar', ['-C', src, '-c', 'etc', 'disk.raw'])),
  }
  for (const [name, body] of Object.entries(archives)) {
    await assert.rejects(ensureImage(r.host, pipeline(r, [['fetch', serve(r, name, body)], ['unarchive', {}]]), { cacheDir: r.cacheDir, ...quiet }), code('image-archive'), name)
    assert.deepEqual(readdirSync(r.cacheDir), [], name)
  }
})

test('a truncated download is never taken for the image, and the next try goes on from it', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir, 2)
  const spec = pipeline(r, [['fetch', serve(r, 'd.qcow2', body)], ['resize', { size: '8M' }]])
  r.files.get('/d.qcow2')!.truncate = [500_000, 0]
  await assert.rejects(ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet }), code('download-failed'))
  assert.deepEqual(readdirSync(r.cacheDir), [])
  const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.equal(info(image.disk)['virtual-size'], 8 << 20)
  assert.ok(r.requests.some((request) => /bytes=500000-/.test(request)))
  const wrong = pipeline(r, [['fetch', { url: spec.steps[0]!.args['url'], checksum: `sha256:${'0'.repeat(64)}` }], ['resize', { size: '8M' }]])
  await assert.rejects(ensureImage(r.host, wrong, { cacheDir: r.cacheDir, ...quiet }), code('checksum-mismatch'))
})

test('a step that fails leaves nothing published, names its place, and costs no second download', async (t) => {
  const r = await rig(t)
  const fetched = serve(r, 'd.qcow2', qcow2(r.dir))
  const spec = pipeline(r, [['fetch', fetched], ['resize', { size: '1K' }]])
  await assert.rejects(ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet }), (error: FarmError) => {
    assert.equal(error.code, 'image-shrink')
    assert.deepEqual(error.location, { file: '/project/platforms/x.yaml', line: 2 })
    assert.equal(error.exitCode, 65)
    return true
  })
  assert.deepEqual(readdirSync(r.cacheDir), [])
  r.files.clear()
  const image = await ensureImage(r.host, pipeline(r, [['fetch', fetched], ['resize', { size: '4M' }]]), { cacheDir: r.cacheDir, ...quiet })
  assert.equal(info(image.disk)['virtual-size'], 4 << 20)
})

test('images that wait for each other leave the connection, which has few channels, room to work', { timeout: 60_000 }, async (t) => {
  const r = await rig(t)
  const { connection } = r.host
  const held = new Set<string>()
  let most = 0
  let count = 0
  const watched = bindHost({ ...connection, spawn(command: string) {
    const id = `${count++}`
    const process = connection.spawn(command)
    if (!command.includes('flock')) return process
    most = Math.max(most, held.add(id).size)
    process.once('close', () => held.delete(id))
    return process
  } }, { recorder: { check: false, changed: () => undefined, output: () => undefined } })
  const fetched = serve(r, 'd.qcow2', qcow2(r.dir))
  await Promise.all(['4M', '4M', '8M', '12M', '16M', '20M'].map((size) => ensureImage(watched, pipeline(r, [['fetch', fetched], ['resize', { size }]]), { cacheDir: r.cacheDir, ...quiet })))
  // One holds them all; another may begin while it ends.
  assert.ok(most >= 1 && most <= 2, `${most} channels were taken by locks`)
})

test('many machines that want images at once, the same one and others, all get theirs', { timeout: 60_000 }, async (t) => {
  const r = await rig(t)
  const fetched = serve(r, 'd.qcow2', qcow2(r.dir))
  const specs = ['4M', '4M', '4M', '8M', '8M', '16M'].map((size) => pipeline(r, [['fetch', fetched], ['resize', { size }]]))
  const images = await Promise.all(specs.map((spec) => ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })))
  assert.deepEqual(images.map(({ virtualSize }) => virtualSize >> 20), [4, 4, 4, 8, 8, 16])
  assert.equal(readdirSync(r.cacheDir).length, 3)
})

test('check mode says what would be made and makes nothing', async (t) => {
  const r = await rig(t)
  const spec = pipeline(r, [['fetch', serve(r, 'd.qcow2', qcow2(r.dir))], ['resize', { size: '8M' }]])
  const image = await ensureImage(r.bind({ check: true }), spec, { cacheDir: r.cacheDir, ...quiet })
  assert.equal(image.virtualSize, 0)
  assert.match(r.changes.join(), /make image d-[0-9a-f]{12} \(fetch, resize\)/)
  assert.ok(!existsSync(r.cacheDir) && !existsSync(r.workingDir))
})

test('everything wrong in a pipeline is said at once, with its place', async (t) => {
  const r = await rig(t)
  const { steps } = pipeline(r, [['resize', { size: 'huge' }], ['fetsh', { url: '/x' }], ['fetch', { url: '/x.img' }], ['copy', { src: '../etc/passwd', dest: 'x', force: true }], ['seed', { reader: 'farm', packages: ['vim'] }]])
  await assert.rejects(checkSteps(steps, [join(r.dir, 'steps')], importModule), (error: FarmError) => {
    assert.equal(error.code, 'image-steps')
    const text = error.details.join('\n')
    for (const part of ['brings no image', 'such as 10G', '"fetsh"', `searched in ${join(r.dir, 'steps')}`, 'checksum_url; none', 'relative to the stage', 'force', 'only cloud-init', 'x.yaml:2', 'x.yaml:5']) assert.ok(text.includes(part), `${part} is not in\n${text}`)
    return true
  })
  await assert.rejects(checkSteps(steps.slice(1, 2), [], importModule), (error: FarmError) => (assert.match(error.hint ?? '', /did you mean fetch\? known are fetch, build/), error.code === 'image-step-unknown'))
  await assert.rejects(checkSteps([], [], importModule), code('image-steps'))
  await assert.rejects(ensureImage(r.host, { ...pipeline(r, []), steps }, { cacheDir: r.cacheDir, ...quiet }))
  assert.deepEqual(r.changes, [])
})

/** A project's step in a directory of its own. */
function ownStep(r: Rig, name: string, body: string, brings = false): string {
  const dir = join(r.dir, 'steps')
  mkdirSync(dir, { recursive: true })
  const module = join(process.cwd(), 'src/image/index.ts')
  writeFileSync(join(dir, `${name}.ts`), `import { z } from ${JSON.stringify(pathToFileURL(join(process.cwd(), 'node_modules/zod/index.js')).href)}\nimport { imageStep } from ${JSON.stringify(module)}\nexport default imageStep({ name: '${name}', description: 'Ours.', brings: ${brings}, args: z.strictObject({ text: z.string().default('mine') }), async run({ $, path, state }, { text }) { ${body} } })\n`)
  return dir
}

test("a project's own step runs with its arguments, and one of a built-in's name takes its place", async (t) => {
  const r = await rig(t)
  const dir = ownStep(r, 'stamp', 'await $`printf %s ${text} | dd of=${path(state.file)} conv=notrunc 2>/dev/null`')
  ownStep(r, 'fetch', 'await $`truncate -s 1M ${path(text)}`; return { file: text, format: "raw" }', true)
  const image = await ensureImage(r.host, pipeline(r, [['fetch', { text: 'made.img' }], ['stamp', { text: 'hello' }]], [dir]), { cacheDir: r.cacheDir, ...quiet })
  const out = join(r.dir, 'out')
  execFileSync('qemu-img', ['convert', '-O', 'raw', image.disk, out])
  assert.equal(readFileSync(out, 'utf8').slice(0, 5), 'hello')
  assert.equal(statSync(out).size, 1 << 20)
  await assert.rejects(checkSteps([{ step: 'fetch', args: { url: '/x' } }], [dir], importModule), code('image-steps'))
  await assert.rejects(checkSteps([{ step: 'stamp', args: {} }], [dir], importModule), /brings no image/)
  ownStep(r, 'broken', 'throw new Error("out of ink\\nand paper")')
  await assert.rejects(ensureImage(r.host, pipeline(r, [['fetch', {}], ['broken', {}]], [dir]), { cacheDir: r.cacheDir, ...quiet }), (error: FarmError) => (assert.match(error.message, /image step broken: out of ink/), error.exitCode === 2))
  assert.deepEqual(readdirSync(r.cacheDir), [image.key])
})

test('a step that fails since the host has gone, or has no room, says so as any command does', async () => {
  const [step] = await checkSteps([{ step: 'fetch', args: { url: '/x/disk.img', checksum: 'none' }, location: { file: '/project/platforms/x.yaml', line: 3 } }], [])
  assert.ok(step)
  for (const Kind of [UnreachableError, CapacityError]) {
    const failure = stepFailure(new Kind('it', 'it has gone', { host: 'h1' }), step, 'h1')
    assert.ok(failure instanceof Kind)
    assert.match(failure.message, /^image step fetch: it has gone$/)
    assert.equal(failure.location?.line, 3)
  }
})

test('nothing is left of an image whose making is interrupted', async (t) => {
  const r = await rig(t)
  const dir = ownStep(r, 'long', 'await $`echo begun > ${path("made.img")}; sleep 60`; return { file: "made.img", format: "raw" }', true)
  const task = new AbortController()
  const connection = { ...r.host.connection }
  const host = bindHost(connection, { recorder: { check: false, changed: () => undefined, output: () => undefined }, signal: task.signal })
  const made = ensureImage(host, pipeline(r, [['long', {}]], [dir]), { cacheDir: r.cacheDir, ...quiet, signal: task.signal })
  void (async () => {
    while (!readdirSync(r.dir, { recursive: true }).some((name) => String(name).endsWith('made.img'))) await new Promise((resolve) => setImmediate(resolve))
    task.abort()
  })()
  await assert.rejects(made, InterruptedError)
  assert.deepEqual(readdirSync(r.cacheDir), [])
})

test('the key of a pipeline follows what decides about its content, and nothing else', async (t) => {
  const r = await rig(t)
  const fetched = { url: 'https://x.test/debian-12.qcow2', checksum: 'none' }
  const key = (steps: readonly (readonly [string, Record<string, unknown>])[], more: Partial<PipelineSpec> = {}): string => imageKey({ ...pipeline(r, steps), ...more })
  const base = key([['fetch', fetched], ['resize', { size: '10G', partition: 1 }]])
  assert.match(base, /^debian-12-[0-9a-f]{12}$/)
  assert.equal(key([['fetch', { checksum: 'none', url: fetched.url }], ['resize', { partition: 1, size: '10G' }]]), base)
  assert.equal(key([['fetch', fetched], ['resize', { size: '10G', partition: 1 }]], { workingDir: '/elsewhere', arch: 'aarch64' }), base)
  assert.notEqual(key([['fetch', fetched], ['resize', { size: '11G', partition: 1 }]]), base)
  assert.notEqual(key([['fetch', fetched], ['resize', { size: '10G', partition: 1 }], ['convert', { to: 'qcow2' }]]), base)
  const seeded = (packages: string[]): string => key([['fetch', fetched], ['resize', { size: '10G' }], ['seed', { reader: 'cloud-init', packages }]])
  assert.equal(seeded(['vim']), seeded([]))
  const secret = key([['fetch', fetched], ['customise', { root_password: 'open sesame' }]])
  assert.notEqual(secret, key([['fetch', fetched], ['customise', { root_password: 'open' }]]))
  const dir = ownStep(r, 'stamp', '')
  const before = key([['fetch', fetched], ['stamp', {}]], { stepDirs: [dir] })
  ownStep(r, 'stamp', 'await 1')
  assert.notEqual(key([['fetch', fetched], ['stamp', {}]], { stepDirs: [dir] }), before)
})

test('a lone download or build is the same image as without a pipeline', async (t) => {
  const r = await rig(t)
  const plain: DownloadSpec = { ...publish(r, qcow2(r.dir)), seed: 'cloud-init' }
  const step: readonly [string, Record<string, unknown>] = ['fetch', { url: plain.url, checksum_url: plain.checksumUrl }]
  const image = await ensureImage(r.host, plain, { cacheDir: r.cacheDir, ...quiet })
  for (const steps of [[step], [step, ['seed', { reader: 'cloud-init' }] as const]]) assert.equal(imageKey(pipeline(r, steps)), image.key)
  const seeded = await ensureImage(r.host, pipeline(r, [step, ['seed', { reader: 'cloud-init', packages: ['vim'], user_data: { runcmd: ['true'] } }]]), { cacheDir: r.cacheDir, ...quiet })
  assert.deepEqual(seeded, { ...image, seedPackages: ['vim'], userData: { runcmd: ['true'] } })
  const build = { kind: 'build', suite: 'bookworm', arch: 'arm64', packages: ['vim'] } as const
  const steps: readonly (readonly [string, Record<string, unknown>])[] = [['build', { suite: 'bookworm', packages: ['vim'], mirror: null }], ['seed', { reader: 'farm' }]]
  for (const count of [1, 2]) assert.equal(imageKey({ ...pipeline(r, steps.slice(0, count)), arch: 'aarch64' }), imageKey(build))
  assert.deepEqual(plannedImage({ ...pipeline(r, steps), arch: 'aarch64' }, '/c'), plannedImage(build, '/c'))
})

test('an image that is converted back and forth stays as large as it was', async (t) => {
  const r = await rig(t)
  const steps: ImageStep[] = [{ step: 'fetch', args: serve(r, 'd.qcow2', qcow2(r.dir)) }, { step: 'convert', args: { to: 'raw' } }, { step: 'convert', args: { to: 'qcow2' } }]
  const image = await ensureImage(r.host, { ...pipeline(r, []), steps }, { cacheDir: r.cacheDir, ...quiet })
  assert.equal(info(image.disk)['virtual-size'], 1 << 20)
})
