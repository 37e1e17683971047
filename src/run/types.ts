/** What the runner is asked for and what it plans. */
import type { EventSink } from '../events.ts'
import type { Inventory } from '../inventory/index.ts'
import type { Recipe } from '../recipe/index.ts'
import type { Layer } from '../vars/index.ts'

/** What decides which tasks run on which hosts. */
export interface PlanOptions {
  /** The name under which it is run. */
  readonly name: string
  readonly recipes: readonly Recipe[]
  readonly inventory: Inventory
  /** `--limit`: a pattern within which hosts are selected. */
  readonly limit: string | undefined
  readonly tags: readonly string[]
  readonly skipTags: readonly string[]
  /** The task with which to begin, by its name or a glob. */
  readonly startAt: string | undefined
  /** Without it a tag that no task has is an error. */
  readonly allowUnknownTags: boolean
  /** Layers below all others: what the command line says of connections. */
  readonly defaults: readonly Layer[]
  /** Layers of `--extra-vars`, lowest first, above all others. */
  readonly extraVars: readonly Layer[]
}

/** What one run needs. */
export interface RunOptions extends PlanOptions {
  /** The run's own name, for its journal. */
  readonly run: string
  readonly check: boolean
  /** How many hosts at once. */
  readonly forks: number
  /** Handlers run on failed hosts too, whatever the recipes say. */
  readonly forceHandlers: boolean
  readonly sink: EventSink
  readonly signal: AbortSignal
  /** The user's project, whose templates/ go before farm's. */
  readonly projectDir: string
  /** How the user calls farm again with the same inventory; `farm COMMAND` when left out. */
  again?(command: string): string
  /** Gives the user's terminal to `work`, to one at a time; undefined when there is no terminal. */
  readonly lendTerminal?: LendTerminal | undefined
}

/** Runs something that has the terminal to itself meanwhile. */
export type LendTerminal = <Value>(work: () => Promise<Value>) => Promise<Value>

/** A task as lists of tasks show it. */
export interface PlannedTask {
  readonly name: string
  /** Its own and those of the blocks around it, sorted. */
  readonly tags: readonly string[]
  /** How many blocks it stands in. */
  readonly depth: number
  readonly handler: boolean
}

/** One recipe of a plan. */
export interface PlannedStage {
  readonly title: string
  readonly hosts: readonly string[]
  /** Those that tags and `startAt` leave, in order; handlers last. */
  readonly tasks: readonly PlannedTask[]
}

/** What a run would do, as far as it is known beforehand. */
export interface Plan {
  readonly stages: readonly PlannedStage[]
  /** All tags of all tasks, sorted; without the special ones. */
  readonly tags: readonly string[]
}
