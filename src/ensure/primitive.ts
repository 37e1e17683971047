/** What a host primitive is: a name, a schema of its arguments, and the reading, comparing and applying of one thing on a host. */
import type { z } from 'zod'
import type { Host } from '../host/index.ts'

/** What primitives work with. */
export interface EnsureContext {
  readonly host: Host
  /** Directories in which templates are looked up, the project's before farm's. */
  readonly templateDirs: readonly string[]
  /** What relative paths on the controller are relative to. */
  readonly projectDir: string
  /** What templates see when no data of their own are given. */
  readonly variables: object
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal
}

/** What a primitive tells its caller: whether there was a difference (in check mode: whether there would be one). */
export interface Ensured {
  readonly changed: boolean
}

/** A host primitive. `schema` is strict: arguments that it does not know are errors. */
export interface Primitive<Schema extends z.ZodType = z.ZodType, Result extends Ensured = Ensured> {
  readonly name: string
  /** One sentence for people. */
  readonly description: string
  readonly schema: Schema
  run(context: EnsureContext, args: z.output<Schema>): Promise<Result>
}

/** Declares a primitive, typed by its schema. */
export function primitive<Schema extends z.ZodType, Result extends Ensured>(definition: Primitive<Schema, Result>): Primitive<Schema, Result> {
  return definition
}
