import { EXIT } from '../../errors.ts'
import { paint, wantsColour } from '../../report/index.ts'
import { command } from '../command.ts'
import type { MatrixPlan } from '../engine.ts'
import { openFarm } from '../open-farm.ts'
import { FARM_OPTIONS, SHARED } from '../options.ts'
import { table } from '../table.ts'

/** `farm dispatch`: which machine would run on which hypervisor, and why. */
export default command({
  name: 'dispatch',
  summary: 'show which machine of the matrix goes to which hypervisor, and why',
  usage: '[-i FILE]… [-e VARS]… [--explain] [--json]',
  about: 'The hypervisors are the hosts of group hypervisors (else vmhost, else all). Each is asked what it can run; nothing is changed.\nExit code: 0 when every machine has its place, 69 when one has none.',
  options: {
    ...FARM_OPTIONS,
    limit: { ...SHARED.limit, help: 'only the hypervisors that this pattern selects' },
    only: { kind: 'words', value: 'PLATFORM/TARGET', help: 'only these machines, also by name, `*` for any; repeatable' },
    explain: { kind: 'flag', help: 'say what each hypervisor lacks for machines that fit nowhere, and which hosts cannot be asked' },
    'allow-unplaced': { kind: 'flag', help: 'exit with 0 also when a machine fits nowhere' },
    json: SHARED.json,
  },
  examples: [
    ['farm dispatch -i hosts.ini', 'the placement'],
    ['farm dispatch -i hosts.ini -e @vars/vde.yaml --explain', 'with what is lacking'],
    ['farm dispatch -i hosts.ini --only \'*/arm64\'', 'the machines of one target'],
  ],
  async run({ options, engine, io, print, printJson }) {
    const farm = await openFarm({ options, engine, io })
    const plan = await engine.dispatch(farm, { limit: options.limit, only: options.only.length > 0 ? options.only : undefined }, io.signal)
    if (options.json) printJson(forScripts(plan))
    else print(...shown(plan, options.explain, wantsColour(io.env, io.stdout)))
    if (plan.unplaced.length > 0 && !options['allow-unplaced']) return EXIT.noCapacity
    return EXIT.done
  },
})

function shown({ machines, unplaced, problems, notes }: MatrixPlan, explain: boolean, colour: boolean): string[] {
  const rows = machines.map(({ name, hypervisor, virtType, reason }) => [name, hypervisor, virtType === 'kvm' ? 'kvm' : 'emulated', reason])
  const lines = rows.length > 0 ? table(['MACHINE', 'HYPERVISOR', 'RUNS', 'WHY'], rows, colour) : []
  if (rows.length === 0 && unplaced.length === 0) lines.push('There is nothing to place: set the variable config of localhost, or of a hypervisor.')
  if (unplaced.length > 0) {
    const names = unplaced.map(({ machine }) => machine)
    lines.push('', `${paint('red', names.length === 1 ? '1 machine fits nowhere' : `${names.length} machines fit nowhere`, colour)}: ${names.join(', ')}${explain ? '' : '   (--explain says why)'}`)
  }
  if (explain) for (const { machine, lacks } of unplaced) lines.push('', paint('bold', machine, colour), ...lackLines(lacks))
  if (problems.length > 0) lines.push('', `${paint('yellow', 'Not considered', colour)}:`, ...lackLines(Object.fromEntries(problems.map(({ name, problem }) => [name, [problem]]))))
  if (notes.length > 0) lines.push('', ...notes.map((note) => `${paint('yellow', 'Note', colour)}: ${note}`))
  return lines
}

/** `  host   what it lacks`, one lack a line. */
function lackLines(lacks: Readonly<Record<string, readonly string[]>>): string[] {
  const rows = Object.entries(lacks).flatMap(([host, all]) => all.map((lack, index) => [index === 0 ? host : '', lack]))
  return table(['', ''], rows, false).slice(1).map((line) => `  ${line}`)
}

/** Without the definitions in full, which are long and may hold what was encrypted. */
function forScripts({ machines, unplaced, problems, notes }: MatrixPlan): unknown {
  const parts = ({ platform, target }: { platform: string; target: string }): { platform: string; target: string } => ({ platform, target })
  return {
    machines: machines.map(({ name, entry, hypervisor, virtType, reason, exists, movedFrom }) => ({ name, ...parts(entry), hypervisor, virtType, reason, exists, movedFrom })),
    unplaced: unplaced.map(({ machine, entry, lacks }) => ({ name: machine, ...parts(entry), lacks })),
    problems,
    notes,
  }
}
