import { EXIT } from '../../errors.ts'
import { toFailure } from '../../failure.ts'
import { formatFailure, wantsColour } from '../../report/index.ts'
import { command } from '../command.ts'
import type { MachineStatus } from '../engine.ts'
import { openFarm } from '../open-farm.ts'
import { FARM_OPTIONS, SHARED } from '../options.ts'
import { table } from '../table.ts'

/** `farm status`: the machines that farm made, as their hypervisors know them. */
export default command({
  name: 'status',
  summary: 'show the machines: state, address, age, owner',
  usage: '[-i FILE]… [--json]',
  about: 'Every hypervisor of the inventory is asked. When one does not answer the others are shown still, and the exit code is 4.',
  options: { ...FARM_OPTIONS, json: SHARED.json },
  examples: [['farm status', 'one line per machine'], ['farm status --json -i hosts.ini', 'for scripts']],
  async run({ options, engine, io, print, printJson }) {
    const farm = await openFarm({ options, engine, io })
    const { machines, unreachable } = await engine.machines(farm, io.signal)
    const failures = unreachable.map(({ host, error }) => ({ ...toFailure(error), host }))
    if (options.json) {
      printJson({ machines, unreachable: failures })
    } else {
      const now = Date.now()
      if (machines.length > 0) print(...table(['NAME', 'HOST', 'CLUSTER', 'STATE', 'ADDRESS', 'AGE', 'OWNER'], machines.map((machine) => row(machine, now)), wantsColour(io.env, io.stdout)))
      else if (failures.length === 0) print('There are no machines yet: farm run provision-cluster')
      for (const failure of failures) io.stderr.write(`${formatFailure(failure, { colour: wantsColour(io.env, io.stderr) }).join('\n')}\n`)
    }
    return failures.length > 0 ? EXIT.unreachable : EXIT.done
  },
})

function row(machine: MachineStatus, now: number): string[] {
  const { name, host, cluster, state, owner } = machine
  return [name, host, cluster, state, place(machine), age(machine.created, now), owner]
}

/** The address, with its port where that is not SSH's own. */
function place({ address, port }: MachineStatus): string {
  if (!address) return '-'
  return port === 22 || !port ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** The time since an ISO 8601 date in its largest unit: `45 s`, `12 min`, `3 h`, `9 d`. */
export function age(created: string, now: number): string {
  const passed = (now - Date.parse(created)) / 1000
  if (!Number.isFinite(passed)) return '-'
  if (passed < 120) return `${Math.max(0, Math.floor(passed))} s`
  if (passed < 7200) return `${Math.floor(passed / 60)} min`
  return passed < 172_800 ? `${Math.floor(passed / 3600)} h` : `${Math.floor(passed / 86_400)} d`
}
