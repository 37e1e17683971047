/** What a phase is: the file that an author writes, what is made of it when it is loaded, and what it works with. */
import type { Ensure } from '../ensure/index.ts'
import type { Failure } from '../events.ts'
import type { Host, Shell } from '../host/index.ts'

/** The steps of a machine's life that a project writes files for, in their order. */
export const PHASES = ['dependencies', 'init', 'main', 'terminate'] as const
export type PhaseName = (typeof PHASES)[number]

/** How far a life has come: `running` until terminate, which is told how it went. */
export type LifeStatus = 'running' | 'succeeded' | 'failed'

/** The project whose phases run. */
export interface ProjectFacts {
  readonly id: string
  readonly revision: string
  /** Its directory on the controller, absolute. */
  readonly dir: string
}

/** What a phase knows beyond what a task knows. */
export interface PhaseFacts {
  readonly phase: PhaseName
  readonly platform: string
  readonly target: string
  readonly project: ProjectFacts
  /** Inventory name of the host that the machine runs on. */
  readonly hypervisorName: string
  readonly status: LifeStatus
  /** In terminate: what went wrong before it. */
  readonly failure: Failure | undefined
}

/** Who a part runs as; undefined leaves it to the recipe and the inventory. */
export type PhaseBecome = boolean | { readonly user?: string; readonly method?: 'sudo' | 'su' | 'doas' } | undefined

/** What a part of a phase has in its hands; the context of a task has all of it. */
export interface PhaseHands extends PhaseFacts {
  readonly host: Host
  readonly $: Shell
  readonly ensure: Ensure
  /** Variables by name: reading one that is not set is an error. */
  readonly vars: Readonly<Record<string, unknown>>
  /** Ends the part as skipped. */
  skip(reason: string): never
}

/** One thing that a phase does: the whole of a `.ts` or `.sh`, one step of a `.yaml`. */
export interface PhasePart {
  /** For people: what the author calls it, else what it does. */
  readonly title: string
  readonly become: PhaseBecome
  /** Seconds after which it has failed. */
  readonly timeout: number | undefined
  readonly ignoreErrors: boolean
  run(hands: PhaseHands): Promise<unknown>
}

/** A phase file, read and checked. */
export interface LoadedPhase {
  readonly phase: PhaseName
  /** Absolute. */
  readonly file: string
  /** The file, and all that it includes: what it does is written there. */
  readonly files: readonly string[]
  readonly parts: readonly PhasePart[]
}

/** Options of a phase written in TypeScript. */
export interface PhaseOptions {
  /** For people: what it does. */
  readonly description?: string
  readonly become?: PhaseBecome
  /** Seconds after which it has failed. */
  readonly timeout?: number
}

/** What `phase()` gives: the default export of a `.ts` phase. */
export interface PhaseDefinition<Context = never> {
  readonly kind: 'phase'
  readonly options: PhaseOptions
  run(context: Context): Promise<unknown>
}

/** Imports a TypeScript or JavaScript file and gives its exports. */
export type ImportModule = (file: string) => Promise<Record<string, unknown>>
