/** The authoring API: what a recipe and a task are, and what a task may use. */
import type { z } from 'zod'
import type { Rung } from '../events.ts'
import type { Host } from '../host/index.ts'
import type { Hypervisor } from '../hypervisor/index.ts'

/** All that a task has in its hands on one host. */
export interface TaskContext<Vars = unknown> {
  readonly host: Host
  readonly hypervisor: Hypervisor
  /** The recipe's variables for this host, checked against its schema. */
  readonly vars: Vars
  /** True in check mode; `host.$` and every `ensure` know it already. */
  readonly check: boolean
  /** Aborted when the user interrupts: pass it to whatever waits. */
  readonly signal: AbortSignal
  /** Directories in which templates are looked up, the project's before farm's. */
  readonly templateDirs: readonly string[]
  /** Who runs farm: `user@controller`, written into the metadata of what is made. */
  readonly owner: string
  /** How the user calls farm again with the same inventory: `again('ssh boreas')` gives `farm ssh -i hosts.ini boreas`. */
  again(command: string): string
  note(level: 'info' | 'warning', message: string): void
  /** Says which step of long work is under way. */
  progress(message: string): void
  rung(machine: string, rung: Rung, seconds: number, detail?: string): void
  /** What the run made: lines for people, data for scripts; shown last. */
  result(lines: readonly string[], data: unknown): void
  /** Ends the task as skipped, with the reason. */
  skip(reason: string): never
}

/** One named step on one host. */
export interface Task<Vars = unknown> {
  readonly name: string
  run(context: TaskContext<Vars>): Promise<void>
}

/** A named list of tasks for the hosts that a pattern selects. */
export interface Recipe<Schema extends z.ZodObject = z.ZodObject> {
  readonly description: string
  /** A host pattern, as in Ansible. */
  readonly hosts: string
  /** Whether its tasks run as root. */
  readonly become: boolean
  /** The variables it reads: types, units (`.meta({ unit })`), defaults, descriptions. */
  readonly vars: Schema
  readonly tasks: readonly Task<z.output<Schema>>[]
  /** Refuses variables that do not fit together; runs for every host before any is touched. */
  readonly validate?: ((vars: z.output<Schema>, host: string) => void | Promise<void>) | undefined
  /** True when it takes things away: a person is asked first. */
  readonly destructive: boolean
}

/** Thrown by `skip`; the runner turns it into the outcome. */
export class Skipped extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'Skipped'
  }
}
