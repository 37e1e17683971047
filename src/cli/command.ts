/** What a command is and what it is given. */
import type { Readable, Writable } from 'node:stream'
import type { ScreenLike } from '../report/index.ts'
import type { Engine } from './engine.ts'
import type { GLOBAL_OPTIONS, OptionTable, OptionValues } from './options.ts'

/** A place to write that may be a terminal. */
export type Output = Writable & ScreenLike

/** The world outside, so that tests can put another one in its place. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined }
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal
  /** Says that farm was interrupted; a command that shows something else meanwhile puts its own way of saying things in its place. */
  readonly interrupted?: { say(line: string): void }
}

/** All that a command has in its hands. */
export interface CommandContext<T extends OptionTable = OptionTable> {
  readonly options: OptionValues<T> & OptionValues<typeof GLOBAL_OPTIONS>
  readonly words: readonly string[]
  readonly rest: readonly string[] | undefined
  /** All arguments of farm, as they were typed. */
  readonly argv: readonly string[]
  readonly io: Io
  readonly engine: Engine
  /** Writes lines to standard output. */
  print(...lines: readonly string[]): void
  /** Writes a value as JSON to standard output. */
  printJson(value: unknown): void
}

/** One command: what help shows and what it does. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What follows `farm NAME`: `RECIPE [options]`. */
  readonly usage: string
  /** More to know, below the usage. */
  readonly about?: string
  readonly options: OptionTable
  readonly examples: readonly (readonly [line: string, meaning: string])[]
  /** Bounds of the number of words; the default is none. */
  readonly words?: readonly [least: number, most: number]
  /** An empty word means something; otherwise it is an error, most likely of a variable that was not set. */
  readonly emptyWords?: boolean
  /** After so many words everything belongs to another program. */
  readonly ownWords?: number
  /** What stands behind `--` belongs to another program. */
  readonly ownRest?: boolean
  /** Options that depend on the arguments; the command's own win over them. */
  moreOptions?(argv: readonly string[], engine: Engine): Promise<OptionTable>
  /** Resolves with the exit code. */
  run(context: CommandContext): Promise<number>
}

/** Declares a command, with its options typed by its table. */
export function command<const T extends OptionTable>(definition: Omit<Command, 'options' | 'run'> & { readonly options: T; run(context: CommandContext<T>): Promise<number> }): Command {
  // The context that main.ts makes is parsed by this very table.
  return definition as unknown as Command
}
