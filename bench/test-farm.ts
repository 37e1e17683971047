/**
 * What a snapshot with memory is worth: a machine's first run through all phases, its next run, which begins at the init snapshot, and the
 * same with the machine booted and waited for before it is restored, as ansible_farm does. The phases themselves do next to nothing, so
 * what is measured is all that is not the project.
 *
 * Usage: npm run bench -- test-farm [--rounds N] [--json]     (as root: it builds a lab of namespaces)
 */
import { availableParallelism } from 'node:os'
import { assertExit, eventsOf } from '../test/e2e/farm.ts'
import { Field, machines, phases } from '../test/e2e/test-farm/field.ts'
import { figure, figuresTable, type Figure } from './parts/figures.ts'

const [PLATFORM, TARGET] = ['bookworm', 'amd64']
const MACHINE = `${PLATFORM}_${TARGET}`

const at = process.argv.indexOf('--rounds')
const rounds = at < 0 ? 3 : Number(process.argv[at + 1])
const seconds = { first: [] as number[], fromInit: [] as number[], bootFirst: [] as number[] }
const ratios = { first: [] as number[], bootFirst: [] as number[] }

await using field = await Field.create({ hosts: ['lynx'], platforms: { [PLATFORM]: { [TARGET]: {} } }, config: `{ list: [{ platform: ${PLATFORM}, target: ${TARGET} }] }` })
process.stderr.write('warming up: the image is fetched\n')
await measure([], ['dependencies', 'init', 'main', 'terminate'])
for (let round = 1; round <= rounds; round += 1) {
  const first = await measure(['--recreate'], ['dependencies', 'init', 'main', 'terminate'])
  const fromInit = await measure([], ['main', 'terminate'])
  // Booted by one run, whose own overhead does not count, and restored by the next.
  const boot = await field.test('--phases', 'startup')
  assertExit(boot, 0)
  const bootFirst = bootSeconds(boot) + (await measure([], ['main', 'terminate']))
  seconds.first.push(first)
  seconds.fromInit.push(fromInit)
  seconds.bootFirst.push(bootFirst)
  ratios.first.push(first / fromInit)
  ratios.bootFirst.push(bootFirst / fromInit)
  process.stderr.write(`round ${round}: first ${first.toFixed(1)} s, from init ${fromInit.toFixed(1)} s, booted before ${bootFirst.toFixed(1)} s\n`)
}

const figures: Figure[] = [
  figure('first run of a machine', 's', seconds.first),
  figure('run from its init snapshot', 's', seconds.fromInit),
  figure('the same, booted before it is restored', 's', seconds.bootFirst),
  figure('first run against one from the snapshot', '×', ratios.first),
  figure('booted before against restored at once', '×', ratios.bootFirst),
]
process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify({ rounds, cpus: availableParallelism(), node: process.version, figures }, null, 2)}\n` : `${figuresTable(figures)}\n`)

/** Seconds of a run that took the machine through these phases. */
async function measure(args: readonly string[], wanted: readonly string[]): Promise<number> {
  const start = performance.now()
  const run = await field.test(...args)
  const spent = (performance.now() - start) / 1000
  assertExit(run, 0)
  const ran = phases(run, MACHINE)
  if (machines(run)[0]?.result !== 'passed' || ran.join() !== wanted.join()) throw new Error(`the machine ran ${ran.join(', ')} in place of ${wanted.join(', ')}`)
  return spent
}

/** From the start of the machine until it let farm in. */
function bootSeconds(run: Parameters<typeof eventsOf>[0]): number {
  const begin = eventsOf(run, 'task-start').find(({ host, task }) => host === MACHINE && task === 'startup')?.time
  const login = eventsOf(run, 'rung').filter(({ rung }) => rung === 'login').at(-1)?.time
  if (begin === undefined || login === undefined) throw new Error('the run reported neither a start nor a login')
  return (login - begin) / 1000
}
