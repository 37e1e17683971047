/** What came of the matrix: a table of platforms and targets for people, a list of machines for scripts. */
import type { MachineVars } from '../../src/machine/index.ts'
import type { ConcludedHost, Conclusion } from '../../src/recipe/index.ts'
import { farmState, type FarmState } from '../shared/farm-state.ts'

/** One machine's result, as `--json` has it. */
export interface MachineResult {
  readonly machine: string
  readonly platform: string
  readonly target: string
  readonly hypervisor: string | undefined
  readonly virtType: 'kvm' | 'qemu' | undefined
  readonly result: 'passed' | 'failed' | 'interrupted' | 'not run' | 'unplaced'
  /** The step that failed. */
  readonly step: string | undefined
  readonly message: string | undefined
  readonly seconds: number
  /** Where its phases began: a restored snapshot, or the first boot. */
  readonly from: string | undefined
}

/** Tells of the machines' results. */
export function concludeMachines(conclusion: Conclusion<MachineVars>): void {
  const state = farmState(conclusion)
  const results = [...conclusion.hosts.map((host) => resultOf(host, state, conclusion)), ...unplacedResults(state)]
  const failed = conclusion.hosts.filter(({ failed: bad, failure, vars }) => bad && failure?.code !== 'interrupted' && vars?.keep_on_fail)
  const kept = failed.map(({ name }) => `kept running: ${conclusion.again(`ssh ${name}`)}`)
  conclusion.result([...table(results, conclusion.check), ...kept], { machines: results })
}

function resultOf(host: ConcludedHost<MachineVars>, state: FarmState, { halted }: Conclusion): MachineResult {
  const placed = state.machines.get(host.name)?.placed
  const life = state.machines.get(host.name)?.life
  const interrupted = host.failure?.code === 'interrupted'
  const cut = interrupted || (!host.failed && halted && host.undone.length > 0)
  const result = cut ? (life === undefined ? 'not run' : 'interrupted') : host.failed ? 'failed' : 'passed'
  return {
    machine: host.name,
    platform: placed?.definition.platform ?? '',
    target: placed?.definition.target ?? '',
    hypervisor: placed?.hypervisor,
    virtType: placed?.virtType,
    result,
    step: host.failure?.step,
    message: host.failure?.message,
    seconds: Math.round(host.seconds * 10) / 10,
    from: life?.plan.restored,
  }
}

/** The machines that fit nowhere. */
export function unplacedResults(state: FarmState): MachineResult[] {
  return state.unplaced.map(({ machine, entry: { platform, target } }) => ({ machine, platform, target, hypervisor: undefined, virtType: undefined, result: 'unplaced', step: undefined, message: 'it fits on no hypervisor', seconds: 0, from: undefined }))
}

/** Platforms down, targets across; two machines of one pair share a cell. */
export function table(results: readonly MachineResult[], check: boolean): string[] {
  if (results.length === 0) return ['no machine was run']
  const platforms = [...new Set(results.map(({ platform }) => platform))]
  const targets = [...new Set(results.map(({ target }) => target))]
  const cell = (platform: string, target: string): string => results.filter((one) => one.platform === platform && one.target === target).map((one) => words(one, check)).join(', ') || '-'
  const rows = [['platform', ...targets], ...platforms.map((platform) => [platform, ...targets.map((target) => cell(platform, target))])]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
  const bad = results.filter(({ result }) => result === 'failed').map(({ machine, step, message }) => `${machine}: ${step === undefined ? '' : `${step}: `}${message ?? 'failed'}`)
  return [...lines, ...bad]
}

function words({ result, step, seconds, from }: MachineResult, check: boolean): string {
  if (result === 'unplaced') return 'unplaced'
  if (check) return result === 'failed' ? 'failed' : 'would run'
  const time = `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  if (result === 'failed') return `FAILED${step === undefined ? '' : ` in ${step}`} ${time}`
  return result === 'passed' ? `passed ${time}${from === undefined ? '' : ` (from ${from})`}` : result
}
