/** Draws a board as lines that fit a screen. Pure: the same board, time and screen give the same lines. */
import { RUNGS, type Outcome } from '../events.ts'
import { isBroken, isDone, isUp, type Board, type HostState, type MachineState, type TaskState } from './board.ts'
import { outcomeLook, outcomeWord, type Ended } from './ending.ts'
import { clean, count, line, pad, seconds, width, type Segment } from './text.ts'

/** Where, when and with what the board is drawn. */
export interface Canvas {
  readonly columns: number
  /** At most so many lines. */
  readonly rows: number
  readonly colour: boolean
  readonly unicode: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** Icons: Unicode and its ASCII stand-in. */
const ICONS = {
  ok: ['✔', '+'],
  changed: ['✔', '*'],
  skipped: ['↷', '-'],
  failed: ['✖', 'x'],
  unreachable: ['✖', '!'],
  waiting: ['·', '.'],
  warning: ['⚠', '!'],
  full: ['━', '#'],
  empty: ['─', '-'],
} as const

const SPINNER = ['⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏', '|/-\\'] as const
const SPIN_EVERY = 100
const RUNG_COLUMNS = Math.max(...RUNGS.map((rung) => rung.length))

/** A line and how much is lost without it: where space is short, the lightest go first, and of these the oldest. */
interface Weighed {
  readonly weight: number
  readonly segments: readonly Segment[]
}

/** How the board is laid out on a screen of this size. */
interface Layout extends Canvas {
  /** Every host takes one line that names its current task; else the task has its own. */
  readonly dense: boolean
  /** No room for bars. */
  readonly narrow: boolean
  readonly hostColumns: number
  readonly titleColumns: number
}

/** The lines of the picture, none wider than `columns`, not more than `rows` of them. */
export function draw(board: Board, canvas: Canvas): string[] {
  const hosts = [...board.hosts.values()]
  const layout: Layout = {
    ...canvas,
    dense: hosts.length * 2 + 2 > canvas.rows,
    narrow: canvas.columns < 60,
    hostColumns: Math.min(board.hostColumns, 20),
    titleColumns: Math.min(board.titleColumns, Math.floor(canvas.columns * 0.5)),
  }
  const lines = [header(board, layout), ...hosts.flatMap((host) => drawHost(host, board, layout))]
  for (const { level, text } of board.notes) {
    const warning = level === 'warning'
    lines.push({ weight: warning ? 5 : 2, segments: [[`${icon(warning ? 'warning' : 'waiting', canvas)} `, warning ? 'yellow' : 'faint'], [text]] })
  }
  return fit(lines, canvas.rows).map(({ segments }) => line(segments, canvas.columns, canvas.colour))
}

function header(board: Board, { now, narrow }: Layout): Weighed {
  const done = [...board.hosts.values()].filter((host) => isDone(host, board)).length
  const stage = board.stage === undefined || board.endedAt !== undefined ? '' : narrow ? `: ${board.stage}` : `  ${board.stage}`
  const segments: Segment[] = [[board.recipe, 'bold'], [stage], [`  ${seconds(((board.endedAt ?? now) - board.startedAt) / 1000)}`, 'faint']]
  if (board.check) segments.push(['  check mode', 'yellow'])
  if (board.hosts.size > 1 && board.endedAt === undefined) segments.push([`  ${done} of ${board.hosts.size} hosts done`, 'faint'])
  return { weight: 10, segments }
}

function drawHost(host: HostState, board: Board, layout: Layout): Weighed[] {
  const { mark, state, weight } = hostLook(host, board, layout)
  const total = host.plannedCount
  const steps = total === 0 ? '' : `${String(host.reached).padStart(String(total).length)}/${total}  `
  // Where hosts crowd the screen, what has ended well is not worth looking at in every frame.
  const tasks = layout.dense ? host.tasks.filter((task) => task.outcome === undefined || isBroken(task)) : host.tasks
  return [
    { weight, segments: [mark, [` ${pad(clean(host.name), layout.hostColumns)}  `, 'bold'], [state.length === 0 ? steps.trimEnd() : steps, 'faint'], ...state] },
    ...tasks.flatMap((task) => (task.outcome === undefined ? drawOpen(task, layout) : [drawEnded(task, task.outcome, layout)])),
  ]
}

/** What a host's own line says at its beginning and its end. */
function hostLook(host: HostState, board: Board, layout: Layout): { mark: Segment; state: readonly Segment[]; weight: number } {
  const { broken, changed } = host
  if (broken?.outcome !== undefined) return { mark: outcomeIcon({ outcome: broken.outcome }, layout), state: [[broken.outcome, 'red']], weight: 9 }
  if (isDone(host, board)) {
    return changed > 0
      ? { mark: outcomeIcon({ outcome: 'changed' }, layout), state: [[`done, ${changed} changed`, 'yellow']], weight: 4 }
      : { mark: outcomeIcon({ outcome: 'ok' }, layout), state: [['done', 'green']], weight: 4 }
  }
  const [current] = host.open.values()
  if (current === undefined) return { mark: [icon('waiting', layout), 'faint'], state: [[host.tasks.length > 0 && changed > 0 ? `${changed} changed` : 'waiting', 'faint']], weight: 3 }
  const doing = `  ${seconds((layout.now - current.startedAt) / 1000)}${current.doing === undefined ? '' : `  ${current.doing}`}`
  return { mark: spinner(layout), state: layout.dense ? [[current.title], [doing, 'faint']] : changed > 0 ? [[`${changed} changed`, 'yellow']] : [], weight: 9 }
}

/** A finished task takes one line. */
function drawEnded(task: TaskState, outcome: Outcome, layout: Layout): Weighed {
  const broken = isBroken(task)
  const notable = outcome === 'changed' || broken
  const ended = { outcome, pardon: task.pardon }
  const word = outcomeWord(ended)
  const segments: Segment[] = [indent(layout), outcomeIcon(ended, layout), [` ${pad(clean(task.title), layout.titleColumns)}  `, notable ? undefined : 'faint']]
  segments.push([pad(word, broken ? word.length : Math.max(7, word.length)), outcomeLook(ended)], [` ${seconds(task.seconds).padStart(6)}`, 'faint'])
  const message = task.message?.split('\n')[0] ?? (task.machines.size > 0 ? count(task.machines.size, 'machine') : undefined)
  if (message !== undefined) segments.push([`  ${message}`, broken ? 'red' : 'faint'])
  return { weight: broken ? 8 : outcome === 'changed' ? 2 : 1, segments }
}

/** A task under way: its line, what it is doing, and a line for every machine that it starts. */
function drawOpen(task: TaskState, layout: Layout): Weighed[] {
  const took = seconds((layout.now - task.startedAt) / 1000)
  const machines = [...task.machines.values()]
  const segments: Segment[] = [indent(layout), spinner(layout), [` ${pad(clean(task.title), layout.titleColumns)}  `], [took, 'faint']]
  if (task.doing !== undefined && machines.length === 0) segments.push([`  ${task.doing}`, 'faint'])
  // On a crowded screen the host's own line has said it.
  const lines: Weighed[] = layout.dense ? [] : [{ weight: 8, segments }]
  const names = Math.min(widest(machines), layout.narrow ? 14 : 24)
  return [...lines, ...machines.map((machine) => drawMachine(machine, layout, names))]
}

function drawMachine(machine: MachineState, layout: Layout, names: number): Weighed {
  const up = isUp(machine)
  const height = RUNGS.indexOf(machine.rung) + 1
  const since = up ? machine.seconds : (layout.now - machine.startedAt) / 1000
  const segments: Segment[] = [indent(layout), [`  ${pad(clean(machine.name), names)}  `]]
  if (!layout.narrow) segments.push([icon('full', layout).repeat(height), up ? 'green' : 'cyan'], [`${icon('empty', layout).repeat(RUNGS.length - height)}  `, 'faint'])
  segments.push([pad(machine.rung, RUNG_COLUMNS), up ? 'green' : undefined], [` ${seconds(since).padStart(6)}`, 'faint'])
  if (machine.detail !== undefined && !up && !layout.narrow) segments.push([`  ${machine.detail}`, 'faint'])
  return { weight: up ? 5 : 7, segments }
}

/** Leaves out the lightest lines until the rest and a note about them fit. */
function fit(lines: readonly Weighed[], rows: number): readonly Weighed[] {
  if (lines.length <= rows) return lines
  const room = Math.max(1, rows - 1)
  const order = lines.map((candidate, index) => ({ index, weight: candidate.weight })).sort((a, b) => b.weight - a.weight || b.index - a.index)
  const kept = new Set(order.slice(0, room).map(({ index }) => index))
  const shown = lines.filter((_, index) => kept.has(index))
  return rows < 2 ? shown : [...shown, { weight: 0, segments: [[`    … ${lines.length - shown.length} more lines`, 'faint']] }]
}

function indent({ narrow }: Layout): Segment {
  return [narrow ? '  ' : '    ']
}

/** Columns of the widest name. */
function widest(named: readonly { readonly name: string }[]): number {
  return Math.max(0, ...named.map(({ name }) => width(clean(name))))
}

function icon(name: keyof typeof ICONS, { unicode }: Canvas): string {
  return ICONS[name][unicode ? 0 : 1]
}

function outcomeIcon(ended: Ended, canvas: Canvas): Segment {
  return [icon(ended.outcome, canvas), outcomeLook(ended)]
}

function spinner({ unicode, now }: Canvas): Segment {
  const frames = SPINNER[unicode ? 0 : 1]
  return [frames[Math.floor(now / SPIN_EVERY) % frames.length] ?? '', 'cyan']
}
