/**
 * How fast farm's runner is, all in one run on one machine: no-op commands on 1, 10 and 50 hosts side by side with Ansible,
 * OpenSSH's ControlMaster and the bare SSH library; the same far away; facts; a large inventory; memory with many hosts.
 * All hosts are one sshd on loopback with a user that has no rc files. Every run is a process of its own from a cold start;
 * contenders take turns, since what the machine does beside changes from minute to minute.
 *
 * Where it would take minutes, Ansible runs once. Without Debian's `ansible-core` its part is left out, and the bench says so.
 * Usage: npm run bench -- runner [--quick] [--no-ansible] [--json]     (as root: sshd is started, in namespaces)
 */
import { availableParallelism, loadavg } from 'node:os'
import { contenders, FARM, FORKS, farmRun, timed, type Contender, type Timed } from './parts/contenders.ts'
import { delayProxy } from './parts/delay.ts'
import { figure, figureAtLeast, figuresTable, median, show, table, type Figure } from './parts/figures.ts'
import { largeInventories, PATTERN } from './parts/large-inventory.ts'
import { Loopback } from './parts/loopback.ts'

const quick = process.argv.includes('--quick')
const say = (text: string): void => void process.stderr.write(`${text}\n`)
const started = performance.now()

await using loopback = await Loopback.start()
const { farm, ansible: installed, mux, bare } = contenders(loopback)
const ansible = process.argv.includes('--no-ansible') ? undefined : installed
if (ansible === undefined) say(`Ansible is left out: ${installed === undefined ? 'ansible-playbook is not installed (Debian: ansible-core)' : '--no-ansible'}`)

const figures: Figure[] = []
const cells = await measureCells(quick ? [1, 10] : [1, 10, 50], quick ? [1, 10] : [1, 50])
judgeCells()
await measureFarAway()
await measureFacts()
await measureInventory(quick ? 1_000 : 10_000, quick ? 40 : 200)
await measureMemory(quick ? 50 : 500)

const minutes = ((performance.now() - started) / 60_000).toFixed(1)
if (process.argv.includes('--json')) {
  const rows = cells.map(({ hosts, tasks, seconds }) => ({ hosts, tasks, seconds }))
  process.stdout.write(`${JSON.stringify({ cpus: availableParallelism(), node: process.version, cells: rows, figures }, null, 2)}\n`)
} else {
  process.stdout.write(`${cellsTable()}\n\n${figuresTable(figures)}\n\n`)
  process.stdout.write(`${availableParallelism()} CPUs, Node ${process.version}, forks ${FORKS}, load at the end ${loadavg()[0]?.toFixed(1)}, ${minutes} min; seconds from the start of the process to its end\n`)
}

/** What was measured with so many hosts and tasks. */
interface Cell {
  readonly hosts: number
  readonly tasks: number
  readonly seconds: Readonly<Record<string, number[]>>
}

/** Measures all contenders in all cells, in turns; a first run of each warms caches and is thrown away. */
async function measureCells(hostCounts: readonly number[], taskCounts: readonly number[]): Promise<Cell[]> {
  for (const one of [farm, bare, mux]) await one.run(1, 1)
  await ansible?.run(1, 1)
  const list: Cell[] = []
  for (const tasks of taskCounts) {
    for (const hosts of hostCounts) {
      const size = hosts * tasks
      const rounds = quick ? 3 : size <= 50 ? 7 : size <= 500 ? 5 : 3
      // A host-task costs Ansible a tenth of a second.
      const ofAnsible = quick ? 1 : size <= 10 ? 3 : size <= 50 ? 2 : 1
      const seconds: Record<string, number[]> = {}
      for (let round = 0; round < rounds; round += 1) {
        for (const one of [farm, bare, mux, ...(ansible !== undefined && round < ofAnsible ? [ansible] : [])]) {
          const result = await one.run(hosts, tasks)
          ;(seconds[one.name] ??= []).push(result.seconds)
        }
      }
      list.push({ hosts, tasks, seconds })
      say(`${hostsOf(hosts)} × ${tasks} tasks: ${Object.entries(seconds).map(([name, values]) => `${name} ${show(median(values))} s`).join(', ')}`)
    }
  }
  return list
}

function hostsOf(count: number): string {
  return count === 1 ? '1 host' : `${count} hosts`
}

function of(cell: Cell, { name }: Contender): number[] {
  return cell.seconds[name] ?? []
}

/** One contender's times in terms of another's: round by round where both ran as often, else of the medians. */
function ratios(above: readonly number[], below: readonly number[]): number[] {
  if (above.length !== below.length) return [median(above) / median(below)]
  return above.map((value, round) => value / (below[round] ?? NaN))
}

function judgeCells(): void {
  const largest = cells.at(-1)
  for (const cell of cells) {
    const name = `${hostsOf(cell.hosts)} × ${cell.tasks}`
    figures.push(figureAtLeast(`${name}: ControlMaster's time in farm's`, '×', ratios(of(cell, mux), of(cell, farm)), 1))
    if (ansible === undefined) continue
    const times = ratios(of(cell, ansible), of(cell, farm))
    figures.push(cell === largest && !quick ? figureAtLeast(`${name}: Ansible's time in farm's`, '×', times, 40) : figure(`${name}: Ansible's time in farm's`, '×', times))
  }
  const most = Math.max(...cells.map(({ tasks }) => tasks))
  for (const cell of cells.filter(({ tasks }) => tasks === most)) {
    const single = cells.find(({ hosts, tasks }) => hosts === cell.hosts && tasks === 1)
    if (single === undefined) continue
    const each = (contender: Contender): number[] => {
      const begin = median(of(single, contender))
      return of(cell, contender).map((total) => ((total - begin) / (cell.hosts * (most - 1))) * 1_000)
    }
    const name = hostsOf(cell.hosts)
    figures.push(figure(`${name}: a command by farm, without start and login`, 'ms', each(farm)))
    figures.push(figure(`${name}: a command by bare ssh2, without start and login`, 'ms', each(bare)))
    figures.push(figure(`${name}: a command, farm's time in bare ssh2's`, '×', [median(each(farm)) / median(each(bare))], 1.5))
    figures.push(figure(`${name} × ${most}: all of it, farm's time in bare ssh2's`, '×', ratios(of(cell, farm), of(cell, bare))))
  }
}

function cellsTable(): string {
  const all = [farm, bare, mux, ...(ansible === undefined ? [] : [ansible])]
  const rows = cells.map((cell) => [
    String(cell.hosts),
    String(cell.tasks),
    ...all.map((one) => {
      const values = of(cell, one)
      return values.length === 1 ? `${show(values[0] ?? NaN)} (one run)` : `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`
    }),
    ...all.slice(1).map((one) => `${show(median(of(cell, one)) / median(of(cell, farm)))} ×`),
  ])
  return table(['hosts', 'tasks', ...all.map(({ name }) => `${name}, s`), ...all.slice(1).map(({ name }) => `${name} / farm`)], rows)
}

/** Commands on a host that is 50 ms away and back. */
async function measureFarAway(): Promise<void> {
  const ROUND_TRIP = 50
  const TASKS = quick ? 5 : 20
  await using proxy = await delayProxy(loopback.port, ROUND_TRIP / 2)
  loopback.know(proxy.port)
  for (const one of [farm, bare]) {
    const trips: number[] = []
    for (let round = 0; round < (quick ? 1 : 3); round += 1) {
      const few = await one.run(1, 1, proxy.port)
      const many = await one.run(1, 1 + TASKS, proxy.port)
      trips.push(((many.seconds - few.seconds) * 1_000) / TASKS / ROUND_TRIP)
    }
    figures.push(figure(`50 ms away: round trips a command, ${one.name}`, '', trips, one === farm ? 3 : undefined))
  }
}

/** How many commands base facts take. */
async function measureFacts(): Promise<void> {
  const inventory = loopback.inventory(1, loopback.notingPort)
  const commandsOf = async (name: string, body: string): Promise<number> => {
    const before = loopback.commandsNoted()
    await timed(farmRun(loopback, name, body, inventory), { env: loopback.env() })
    return loopback.commandsNoted() - before
  }
  const without = await commandsOf('one-command', "  task('look', async ({ host }) => { await host.query`true` }),")
  const withFacts = await commandsOf('facts', "  task('look', async ({ host, facts }) => { await host.query`true`; await facts(); await facts() }),")
  figures.push(figure('commands for base facts', '', [withFacts - without], 1))
}

/**
 * Loading a large inventory. What `ansible-inventory --list` prints is compared with the same of farm; it has no patterns, so
 * that a pattern is compared with what `ansible --list-hosts` makes of it, most of which is Ansible's loading of the hosts alone.
 */
async function measureInventory(hosts: number, groups: number): Promise<void> {
  const files = largeInventories(loopback.dir, hosts, groups)
  for (const [format, file, least] of [['INI', files.ini, 20], ['YAML', files.yaml, 10]] as const) {
    // What ansible-inventory takes to load it: it knows no patterns.
    let loading: readonly number[] = []
    for (const { what, own, theirs } of [
      { what: 'all hosts and variables', own: ['inventory', '--list', '-i', file], theirs: ['ansible-inventory', '--list', '-i', file] },
      { what: 'a pattern', own: ['hosts', PATTERN, '-i', file], theirs: ['ansible', PATTERN, '--list-hosts', '-i', file] },
    ]) {
      const name = `${hosts} hosts in ${groups} groups, ${format}, ${what}`
      const seconds = { farm: [] as number[], ansible: [] as number[] }
      for (let round = 0; round < (quick ? 2 : 3); round += 1) {
        seconds.farm.push((await selected([process.execPath, FARM, ...own])).seconds)
        if (ansible !== undefined) seconds.ansible.push((await selected(theirs)).seconds)
      }
      figures.push(figure(`${name}: farm`, 's', seconds.farm))
      if (ansible === undefined) continue
      figures.push(figure(`${name}: ${theirs[0]}`, 's', seconds.ansible))
      figures.push(figure(`${name}: that in farm's time`, '×', ratios(seconds.ansible, seconds.farm)))
      if (loading.length === 0) loading = seconds.ansible
      else {
        const title = `${name}: ansible-inventory --list in farm's time`
        figures.push(quick ? figure(title, '×', ratios(loading, seconds.farm)) : figureAtLeast(title, '×', ratios(loading, seconds.farm), least))
      }
    }
  }
}

function selected(argv: readonly string[]): Promise<Timed> {
  return timed(argv, { env: loopback.env({ ANSIBLE_HOME: `${loopback.dir}/ansible` }) })
}

/** The most memory of a run over many hosts: as many at once as usual, and all at once. A recipe's first run takes more: it is compiled. */
async function measureMemory(hosts: number): Promise<void> {
  const inventory = loopback.inventory(hosts)
  const body = "  task('one', async ({ host }) => { await host.$`true` }),\n  task('two', async ({ host }) => { await host.$`echo done` }),"
  await timed(farmRun(loopback, 'memory', body, loopback.inventory(1)), { env: loopback.env() })
  for (const forks of [FORKS, hosts]) {
    const argv = farmRun(loopback, 'memory', body, inventory, forks)
    const { memory, seconds } = await timed(argv, { env: loopback.env(), watch: true })
    figures.push(figure(`${hosts} hosts, ${forks} at once, two commands: memory`, 'MB', [memory], 150))
    figures.push(figure(`${hosts} hosts, ${forks} at once, two commands`, 's', [seconds]))
  }
}
