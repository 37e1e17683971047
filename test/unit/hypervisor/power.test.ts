/** The shell that powers machines off, with a virsh that plays the guest. Real guests: test/e2e/power-off.test.ts. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { bindHost, connect } from '../../../src/host/index.ts'
import { powerOff, type PoweredOff, type PowerOffOptions } from '../../../src/hypervisor/power.ts'
import { Virsh } from '../../../src/hypervisor/virsh.ts'
import { parseXml } from '../../../src/hypervisor/xml.ts'

const VIRSH = `#!/bin/sh
cd "$STAGE" || exit 1
[ "$1 $2" = '-q -c' ] && shift 3
case $1 in event | domstate | dumpxml) ;; *) echo "$*" >>log ;; esac
case $1 in
  domstate) cat state; echo ;;
  dumpxml) if [ -e agent ]; then echo "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>"; fi ;;
  shutdown) n=$(cat hears 2>/dev/null || echo none); case "$*" in *"$n"*) echo 'shut off' >state ;; esac ;;
  resume) echo running >state ;;
  destroy) [ ! -e stuck ] || { echo 'error: Device or resource busy' >&2; exit 1; }; echo 'shut off' >state ;;
  event) sleep 0.2; exit 1 ;;
esac
`

interface Scene {
  readonly state?: string
  /** What the guest hears. */
  readonly hears?: string
  readonly agent?: boolean
  readonly stuck?: boolean
  readonly arch?: string
  readonly acpi?: boolean
}

async function play(t: TestContext, { state = 'running', hears, agent, stuck, arch = 'x86_64', acpi = true }: Scene, options: (dir: string) => PowerOffOptions): Promise<{ result: Promise<PoweredOff>; log: () => Promise<string[]> }> {
  const dir = await mkdtemp(join(tmpdir(), 'farm-power-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await writeFile(join(dir, 'virsh'), VIRSH, { mode: 0o755 })
  for (const [name, content] of Object.entries({ state, hears, agent: agent && '', stuck: stuck && '' })) if (typeof content === 'string') await writeFile(join(dir, name), content)
  const before = { PATH: process.env['PATH'], STAGE: process.env['STAGE'] }
  Object.assign(process.env, { PATH: `${dir}:${before.PATH}`, STAGE: dir })
  t.after(() => { process.env['PATH'] = before.PATH })
  const connection = await connect({ name: 'here', connection: 'local' })
  t.after(() => connection.close())
  const host = bindHost(connection, { recorder: { check: false, changed: () => undefined, output: () => undefined } })
  const document = parseXml(`<domain><os><type arch='${arch}'>hvm</type></os>${acpi ? '<features><acpi/></features>' : ''}</domain>`)
  const log = async (): Promise<string[]> => (await readFile(join(dir, 'log'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  return { result: powerOff({ host, virsh: new Virsh(host, 'qemu:///system') }, { name: 'm', uuid: 'u', document }, options(dir)), log }
}

test('a machine that is off is left alone', async (t) => {
  const { result, log } = await play(t, { state: 'shut off' }, () => ({ patience: 5 }))
  assert.equal((await result).how, 'off already')
  assert.deepEqual(await log(), [])
})

test('the agent is asked first where one is connected, and the power button where none answers', async (t) => {
  const first = await play(t, { agent: true, hears: 'agent' }, () => ({ patience: 5 }))
  assert.equal((await first.result).how, 'agent')
  const second = await play(t, { hears: 'acpi' }, () => ({ patience: 5 }))
  assert.equal((await second.result).how, 'acpi')
  assert.deepEqual(await second.log(), ['shutdown u --mode acpi'])
})

test('a paused machine goes on first, since it could not hear anything', async (t) => {
  const { result, log } = await play(t, { state: 'paused', hears: 'acpi' }, () => ({ patience: 5 }))
  assert.equal((await result).how, 'acpi')
  assert.deepEqual(await log(), ['resume u', 'shutdown u --mode acpi'])
})

test('the power is cut when the patience is over, and not before', async (t) => {
  const { result, log } = await play(t, {}, () => ({ patience: 1 }))
  const { how, seconds } = await result
  assert.equal(how, 'destroyed')
  assert.ok(seconds >= 1, `${seconds} s`)
  assert.equal((await log()).at(-1), 'destroy u')
})

test('a guest that cannot hear a power button is asked from inside at once', async (t) => {
  const { result } = await play(t, { arch: 'aarch64', acpi: false }, (dir) => ({ patience: 30, ask: () => writeFile(join(dir, 'state'), 'shut off') }))
  const { how } = await result
  assert.equal(how, 'asked')
})

test('a mainframe without ACPI hears in its own way', async (t) => {
  const { result } = await play(t, { arch: 's390x', acpi: false, hears: 'acpi' }, () => ({ patience: 30, ask: () => Promise.reject(new Error('not asked')) }))
  assert.equal((await result).how, 'acpi')
})

test('a machine that cannot even be forced off is an error that says why', async (t) => {
  const { result } = await play(t, { stuck: true }, () => ({ patience: 1 }))
  await assert.rejects(result, { code: 'power-off', message: /Device or resource busy/ })
})
