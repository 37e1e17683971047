/**
 * How fast farm is, in one run on one machine: four machines from command to login against the floor (the same guests started
 * by bare `virsh create`), the run that has nothing to do, and the start of the command itself.
 *
 * Rounds alternate between what is compared, since what the machine does beside changes from minute to minute.
 * Usage: node --import jiti/register bench/provision.ts [--rounds N] [--json]     (as root: it builds a lab of namespaces)
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { basename, dirname, join } from 'node:path'
import { packageRoot } from '../src/paths.ts'
import { must, type Lab } from '../test/lab/index.ts'
import { assertExit, eventsOf, type Run } from '../test/e2e/farm.ts'
import { WINDS } from '../test/e2e/project.ts'
import { setStage, type Stage } from '../test/e2e/rig.ts'
import { figure, figuresTable, type Figure } from './parts/figures.ts'
import type { FloorInput } from './parts/floor.ts'

const SELF = fileURLToPath(import.meta.url)
const LOADER = SELF.endsWith('.ts') ? ['--import', 'jiti/register'] : []

const rounds = Number(option('--rounds') ?? 3)
const say = (text: string): void => void process.stderr.write(`${text}\n`)

await using stage = await setStage({ image: 'guest' })
say('warming up: the image is fetched')
stage.project.write({ machines: [] })
assertExit(await stage.farm.provision(), 0)
stage.project.write()

const seconds = { farm: [] as number[], own: [] as number[], floor: [] as number[], extra: [] as number[], share: [] as number[], noop: [] as number[] }
for (let round = 1; round <= rounds; round += 1) {
  const farm = await timed(() => stage.farm.provision())
  assertExit(farm.value, 0)
  for (let repeat = 0; repeat < 2; repeat += 1) {
    const noop = await timed(() => stage.farm.provision())
    assertExit(noop.value, 0)
    if (eventsOf(noop.value, 'change').length > 0) throw new Error('a second run changed something')
    seconds.noop.push(noop.seconds)
  }
  const floor = await measureFloor(stage)
  assertExit(await stage.farm.unprovision(), 0)
  const own = ownShare(farm.value, farm.seconds)
  seconds.farm.push(farm.seconds)
  seconds.own.push(own)
  seconds.floor.push(floor)
  seconds.extra.push(farm.seconds - floor)
  seconds.share.push((own / floor) * 100)
  say(`round ${round}: farm ${farm.seconds.toFixed(2)} s, of which its own ${own.toFixed(2)} s; floor ${floor.toFixed(2)} s`)
}
const starts = await measureStarts(stage.lab, 15)

const figures: Figure[] = [
  figure('four machines, from command to login', 's', seconds.farm),
  figure('floor: virsh create of the same guests', 's', seconds.floor),
  figure("farm's own share", 's', seconds.own, 1.5),
  figure("farm's own share of the floor", '%', seconds.share, 10),
  figure('farm minus floor', 's', seconds.extra),
  figure('run that changes nothing', 's', seconds.noop, 1),
  figure('farm --version', 'ms', starts.farm),
  figure('node -e 0', 'ms', starts.node),
  figure('farm --version against node -e 0', '×', starts.ratio, 2.5),
]
if (process.argv.includes('--json')) {
  const versions = await stage.host.must("qemu-system-x86_64 --version | head -1; libvirtd --version; sed -n 's/^PRETTY_NAME=//p' /etc/os-release")
  process.stdout.write(`${JSON.stringify({ rounds, cpus: availableParallelism(), node: process.version, versions: versions.trim().split('\n'), figures }, null, 2)}\n`)
} else {
  process.stdout.write(`${figuresTable(figures)}\n`)
}

/**
 * Seconds of a run that were not the guests starting and booting: until the first machine's start was asked of libvirt,
 * where the floor's clock begins, and after the last login.
 */
function ownShare(run: Run, total: number): number {
  const rungs = eventsOf(run, 'rung')
  const started = eventsOf(run, 'change').filter((event) => event.change.summary.startsWith('define and start machine')).map((event) => event.time)
  const logins = rungs.filter((event) => event.rung === 'login').map((event) => event.time)
  if (started.length === 0 || logins.length === 0) throw new Error('the run reported no machine as started or logged in')
  return total - (Math.max(...logins) - Math.min(...started)) / 1000
}

/** Takes farm's guests away, gives them fresh disks of the same kind, and starts them without farm. */
async function measureFloor({ farm, host, lab }: Stage): Promise<number> {
  const status = JSON.parse((await farm.run('status', '-i', 'inventory/hosts.ini', '--json')).stdout) as { machines: StatusEntry[] }
  const machines: FloorInput['machines'][number][] = []
  for (const name of WINDS) {
    const entry = status.machines.find((machine) => machine.name === name)
    const document = `/run/lab/${name}.xml`
    await host.must(`virsh -q dumpxml --inactive ${name} > ${document}; virsh -q destroy ${name}; virsh -q undefine ${name}`)
    const xml = await host.must(`cat ${document}`)
    const disk = /<source file='([^']*\.qcow2)'/.exec(xml)?.[1]
    const mac = /<mac address='([^']*)'/.exec(xml)?.[1]
    if (!entry || disk === undefined || mac === undefined) throw new Error(`${name} is not what was expected:\n${xml}`)
    await freshDisk(host.must.bind(host), disk)
    const { address, port, user, hostKeys, identityFile, consoleLog } = entry
    machines.push({ name, address, port, user, hostKey: hostKeys[0] ?? '', identityFile: identityFile ?? join(lab.home, '.ssh/anemoi_rsa'), consoleLog, mac, document })
  }
  const input: FloorInput = { address: host.address, network: 'anemoi', machines }
  const argv = [process.execPath, ...LOADER, join(dirname(SELF), 'parts', basename(SELF).replace('provision', 'floor'))]
  const result = await lab.controller(argv, { cwd: packageRoot, input: JSON.stringify(input), timeout: 600_000 })
  assertExit(result, 0)
  await host.must(WINDS.map((name) => `virsh -q destroy ${name}`).join('; '))
  return Number(result.stdout)
}

interface StatusEntry {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly user: string
  readonly hostKeys: readonly string[]
  readonly identityFile?: string
  readonly consoleLog: string
}

/** An empty overlay in the place of a used one: same base, same size, same owner. */
async function freshDisk(sh: (command: string) => Promise<string>, disk: string): Promise<void> {
  const info = JSON.parse(await sh(`qemu-img info --output=json ${disk}`)) as { 'virtual-size': number; 'full-backing-filename'?: string; 'backing-filename-format'?: string }
  const base = info['full-backing-filename']
  if (base === undefined) throw new Error(`${disk} is no overlay`)
  await sh(`rm ${disk}; qemu-img create -q -f qcow2 -F ${info['backing-filename-format'] ?? 'qcow2'} -b ${base} ${disk} ${info['virtual-size']}`)
}

/** Starts of the command and of bare Node, in turns. */
async function measureStarts(lab: Lab, count: number): Promise<{ farm: number[]; node: number[]; ratio: number[] }> {
  const result = { farm: [] as number[], node: [] as number[], ratio: [] as number[] }
  const once = async (args: readonly string[]): Promise<number> => {
    const { seconds: spent } = await timed(() => must([process.execPath, ...args], { env: lab.env() }))
    return spent * 1000
  }
  for (let turn = -1; turn < count; turn += 1) {
    const node = await once(['-e', '0'])
    const farm = await once([join(packageRoot, 'bin/farm'), '--version'])
    if (turn < 0) continue
    result.node.push(node)
    result.farm.push(farm)
    result.ratio.push(farm / node)
  }
  return result
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const start = performance.now()
  const value = await work()
  return { value, seconds: (performance.now() - start) / 1000 }
}

function option(name: string): string | undefined {
  const index = process.argv.indexOf(name)
  return index < 0 ? undefined : process.argv[index + 1]
}
