/** What the live picture shows, folded from events. Pure: drawing is draw.ts's, timing is terminal.ts's. */
import { RUNGS, type Event, type Outcome, type Rung } from '../events.ts'

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
  readonly name: string
  readonly startedAt: number
  outcome: Outcome | undefined
  seconds: number
  /** Why it was skipped, or what failed. */
  message: string | undefined
  /** The last thing it said while under way. */
  doing: string | undefined
  readonly machines: Map<string, MachineState>
}

export interface HostState {
  readonly name: string
  /** In the order in which they began. */
  readonly tasks: TaskState[]
}

/** The whole picture. */
export interface Board {
  recipe: string
  check: boolean
  startedAt: number
  /** When the run ended, or undefined. */
  endedAt: number | undefined
  /** The recipe's tasks; a host may see others too (its lock, handlers). */
  planned: readonly string[]
  readonly hosts: Map<string, HostState>
  readonly notes: { readonly level: 'info' | 'warning'; readonly text: string }[]
}

/** A picture of nothing yet. */
export function emptyBoard(): Board {
  return { recipe: '', check: false, startedAt: 0, endedAt: undefined, planned: [], hosts: new Map(), notes: [] }
}

/** Takes one event into the picture. */
export function fold(board: Board, event: Event): void {
  switch (event.type) {
    case 'run-start':
      Object.assign(board, { recipe: event.recipe, check: event.check, startedAt: event.time, planned: event.tasks })
      for (const name of event.hosts) board.hosts.set(name, { name, tasks: [] })
      return
    case 'task-start':
      openTask(board, event)
      return
    case 'change':
      openTask(board, event).doing = event.applied ? event.change.summary : `would ${event.change.summary}`
      return
    case 'progress':
      openTask(board, event).doing = event.message
      return
    case 'rung':
      openTask(board, event).machines.set(event.machine, {
        name: event.machine,
        rung: event.rung,
        startedAt: event.time - event.seconds * 1000,
        seconds: event.seconds,
        detail: event.detail,
      })
      return
    case 'note':
      board.notes.push({ level: event.level, text: event.host === undefined ? event.message : `${event.host}: ${event.message}` })
      return
    case 'task-end':
      Object.assign(openTask(board, event), { outcome: event.outcome, seconds: event.seconds, message: event.message ?? event.failure?.message, doing: undefined })
      return
    case 'run-end':
      board.endedAt = event.time
      return
    case 'output':
    case 'result':
    case 'failure':
      return
    default:
      event satisfies never
  }
}

/** How many of the recipe's tasks have ended on a host. */
export function reached(host: HostState, board: Board): number {
  return host.tasks.filter((task) => task.outcome !== undefined && board.planned.includes(task.name)).length
}

/** True when a task has failed: nothing follows it on its host. */
export function isBroken(task: TaskState): boolean {
  return task.outcome === 'failed' || task.outcome === 'unreachable'
}

/** True when a host has nothing more to do. */
export function isDone(host: HostState, board: Board): boolean {
  if (host.tasks.some((task) => task.outcome === undefined)) return false
  return board.endedAt !== undefined || host.tasks.some(isBroken) || (board.planned.length > 0 && reached(host, board) >= board.planned.length)
}

/** True when the machine has nothing more to climb. */
export function isUp(machine: MachineState): boolean {
  return machine.rung === RUNGS.at(-1)
}

/** The task of that name that has not ended on the host; it is begun when an event comes before its start. */
function openTask(board: Board, event: { readonly host: string; readonly task: string; readonly time: number }): TaskState {
  const host = board.hosts.get(event.host) ?? { name: event.host, tasks: [] }
  board.hosts.set(event.host, host)
  const open = host.tasks.find((task) => task.name === event.task && task.outcome === undefined)
  if (open !== undefined) return open
  const task: TaskState = { name: event.task, startedAt: event.time, outcome: undefined, seconds: 0, message: undefined, doing: undefined, machines: new Map() }
  host.tasks.push(task)
  return task
}
