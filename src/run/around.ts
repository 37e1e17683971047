/** What the steps around a task mean for it, and how a failure makes its way out of them. */
import type { Failure } from '../events.ts'
import { toFailure } from '../failure.ts'

/** A task has failed, and nothing has made it good yet. */
export class Broken extends Error {
  readonly failure: Failure
  /** The host that cannot be reached any more, if that is what went wrong. */
  readonly gone: string | undefined

  constructor(failure: Failure, gone: string | undefined) {
    super(failure.message)
    this.failure = failure
    this.gone = gone
  }
}

/** No further task may begin: the user, or another host's failure, ends the run. Only `always` parts still run. */
export class Halted extends Error {}

/** Where a task stands. */
export interface Around {
  /** A failure is made good by somebody further out. */
  readonly rescuable: boolean
  /** In a rescue, and in an `always` part: what went wrong. */
  readonly failure: Failure | undefined
  /** In an `always` part after the run was halted: it runs all the same. */
  readonly finishing: boolean
  /** Hosts that were found to be unreachable: in an `always` part, nothing begins that has to be done on them. */
  readonly gone: readonly string[]
}

/** At the top of a recipe. */
export const PLAIN: Around = { rescuable: false, failure: undefined, finishing: false, gone: [] }

/** For an `always` part: what has gone wrong in the block before it. */
export function afterwards(around: Around, error: unknown): Pick<Around, 'failure' | 'gone'> {
  if (error instanceof Halted) return { failure: { code: 'interrupted', message: error.message }, gone: around.gone }
  if (!(error instanceof Broken)) return { failure: error === undefined ? around.failure : toFailure(error), gone: around.gone }
  return { failure: error.failure, gone: error.gone === undefined ? around.gone : [...around.gone, error.gone] }
}

/** Why a failure does not count, if it does not. */
export type Pardon = 'rescued' | 'ignored' | undefined
