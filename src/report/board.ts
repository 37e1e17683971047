/** What the live picture shows, folded from events. Pure: drawing is draw.ts's, timing is terminal.ts's. */
import { RUNGS, type Event, type Outcome, type Rung } from '../events.ts'
import { clean, width } from './text.ts'

/** A machine on its way up. */
export interface MachineState {
  readonly name: string
  rung: Rung
  /** When its start was asked for, in milliseconds since the epoch. */
  startedAt: number
  /** Seconds from its start to its present rung. */
  seconds: number
  detail: string | undefined
}

export interface TaskState {
  /** Its name, and what is particular about it: `Restart sshd (handler)`. */
  readonly title: string
  readonly startedAt: number
  outcome: Outcome | undefined
  /** A failure that does not count. */
  pardon: 'rescued' | 'ignored' | undefined
  seconds: number
  /** Why it was skipped, or what failed. */
  message: string | undefined
  /** The last thing that it said while under way. */
  doing: string | undefined
  machines: ReadonlyMap<string, MachineState>
}

export interface HostState {
  readonly name: string
  /** In the order in which they began. */
  readonly tasks: TaskState[]
  /** Those that have not ended, by name. */
  readonly open: Map<string, TaskState>
  /** Names of the tasks that are planned for it, in the stage in which it is. */
  planned: ReadonlySet<string>
  plannedCount: number
  /** How many of these have ended. */
  reached: number
  /** How many tasks have changed something, in all stages. */
  changed: number
  /** The task that ended its run. */
  broken: TaskState | undefined
}

/** The whole picture. */
export interface Board {
  recipe: string
  /** The recipe of a sequence, or the batch, that is under way. */
  stage: string | undefined
  check: boolean
  startedAt: number
  /** When the run ended, or undefined. */
  endedAt: number | undefined
  readonly hosts: Map<string, HostState>
  readonly notes: { readonly level: 'info' | 'warning'; readonly text: string }[]
  /** Columns of the widest host and of the widest title: measured once, not for every frame. */
  hostColumns: number
  titleColumns: number
}

const NO_MACHINES: ReadonlyMap<string, MachineState> = new Map()

/** A picture of nothing yet. */
export function emptyBoard(): Board {
  return { recipe: '', stage: undefined, check: false, startedAt: 0, endedAt: undefined, hosts: new Map(), notes: [], hostColumns: 0, titleColumns: 0 }
}

/** Takes one event into the picture. */
export function fold(board: Board, event: Event): void {
  switch (event.type) {
    case 'run-start':
      Object.assign(board, { recipe: event.recipe, check: event.check, startedAt: event.time })
      plan(board, event)
      return
    case 'stage':
      board.stage = event.title
      plan(board, event)
      return
    case 'task-start':
      openTask(board, event, [event.handler === true ? 'handler' : '', event.delegate === undefined ? '' : `on ${event.delegate}`])
      return
    case 'retry':
      openTask(board, event).doing = `attempt ${event.attempt + 1} of ${event.attempts} in ${event.delay} s: ${event.message}`
      return
    case 'change':
      openTask(board, event).doing = event.applied ? event.change.summary : `would ${event.change.summary}`
      return
    case 'progress':
      openTask(board, event).doing = event.message
      return
    case 'output':
      // A blank line says nothing about where the command stands.
      if (event.line.trim() !== '') openTask(board, event).doing = event.line
      return
    case 'rung': {
      const task = openTask(board, event)
      task.machines = new Map(task.machines).set(event.machine, {
        name: event.machine,
        rung: event.rung,
        startedAt: event.time - event.seconds * 1000,
        seconds: event.seconds,
        detail: event.detail,
      })
      return
    }
    case 'note':
      for (const text of event.message.trimEnd().split('\n')) board.notes.push({ level: event.level, text: event.host === undefined ? text : `${event.host}: ${text}` })
      return
    case 'task-end':
      endTask(board, event)
      return
    case 'run-end':
      board.endedAt = event.time
      return
    case 'result':
    case 'failure':
      return
    default:
      event satisfies never
  }
}

/** True when a task has failed and nothing makes up for it: nothing follows it on its host. */
export function isBroken({ outcome, pardon }: TaskState): boolean {
  return pardon === undefined && (outcome === 'failed' || outcome === 'unreachable')
}

/** True when a host has nothing more to do. */
export function isDone(host: HostState, board: Board): boolean {
  if (host.open.size > 0) return false
  return board.endedAt !== undefined || host.broken !== undefined || (host.plannedCount > 0 && host.reached >= host.plannedCount)
}

/** True when the machine has nothing more to climb. */
export function isUp(machine: MachineState): boolean {
  return machine.rung === RUNGS.at(-1)
}

function plan(board: Board, { hosts, tasks }: { readonly hosts: readonly string[]; readonly tasks: readonly string[] }): void {
  const planned = new Set(tasks)
  for (const name of hosts) Object.assign(hostOf(board, name), { planned, plannedCount: tasks.length, reached: 0 })
}

function hostOf(board: Board, name: string): HostState {
  const known = board.hosts.get(name)
  if (known !== undefined) return known
  const host: HostState = { name, tasks: [], open: new Map(), planned: new Set(), plannedCount: 0, reached: 0, changed: 0, broken: undefined }
  board.hosts.set(name, host)
  board.hostColumns = Math.max(board.hostColumns, width(clean(name)))
  return host
}

/** The task of that name that has not ended on the host; it is begun when an event comes before its start. */
function openTask(board: Board, event: { readonly host: string; readonly task: string; readonly time: number }, particulars: readonly string[] = []): TaskState {
  const host = hostOf(board, event.host)
  const known = host.open.get(event.task)
  if (known !== undefined) return known
  const said = particulars.filter(Boolean).join(', ')
  const title = said === '' ? event.task : `${event.task} (${said})`
  const task: TaskState = { title, startedAt: event.time, outcome: undefined, pardon: undefined, seconds: 0, message: undefined, doing: undefined, machines: NO_MACHINES }
  host.tasks.push(task)
  host.open.set(event.task, task)
  board.titleColumns = Math.max(board.titleColumns, width(clean(title)))
  return task
}

function endTask(board: Board, event: Extract<Event, { type: 'task-end' }>): void {
  const task = openTask(board, event)
  const host = hostOf(board, event.host)
  const { outcome, pardon, seconds } = event
  Object.assign(task, { outcome, pardon, seconds, message: event.message ?? event.failure?.message, doing: undefined })
  host.open.delete(event.task)
  if (host.planned.has(event.task)) host.reached = Math.min(host.plannedCount, host.reached + 1)
  if (outcome === 'changed') host.changed += 1
  if (isBroken(task)) host.broken ??= task
}
