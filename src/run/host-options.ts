/** What goes into one host's run of a recipe, and what comes out of it. */
import type { EventBody, Failure, Recap } from '../events.ts'
import type { Inventory } from '../inventory/index.ts'
import type { Task, TaskResult } from '../recipe/index.ts'
import type { Batch } from './batch.ts'
import type { Compiled } from './compile.ts'
import type { Connections } from './connections.ts'
import type { RunLimit } from './limit.ts'
import type { Locks } from './locks.ts'
import type { Memories, Shared } from './shared.ts'
import type { LendTerminal } from './types.ts'
import type { RunVariables } from './variables.ts'

/** What all hosts of a recipe have in common. */
export interface HostRunOptions {
  readonly recipeName: string
  readonly compiled: Compiled
  readonly batch: Batch
  readonly inventory: Inventory
  readonly limit: RunLimit
  readonly variables: RunVariables
  readonly connections: Connections
  readonly locks: Locks
  readonly shared: Shared
  readonly memories: Memories
  readonly lendTerminal: LendTerminal | undefined
  readonly check: boolean
  readonly forceHandlers: boolean
  readonly owner: string
  readonly projectDir: string
  readonly templateDirs: readonly string[]
  readonly signal: AbortSignal
  again(command: string): string
  emit(event: EventBody): void
}

/** How a host's run ended. */
export interface HostRunResult {
  readonly recap: Recap
  /** The exit codes that its failures ask for. */
  readonly codes: readonly number[]
  readonly failed: boolean
  /** The first failure that nothing made good. */
  readonly failure: Failure | undefined
  /** Planned tasks that were never begun. */
  readonly undone: readonly string[]
  /** Wall time. */
  readonly seconds: number
  /** What its tasks came to. */
  readonly results: ReadonlyMap<Task, TaskResult>
  /** The recipe's variables, as they were in the end. */
  readonly vars: Readonly<Record<string, unknown>>
}
