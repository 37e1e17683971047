/** So that nobody takes a run for dead: a report that has said nothing for a while is asked to name what is under way. */

/** Milliseconds without a word. */
const LONGEST = 30_000

/** Watches until `end`; keeps no process alive. */
export class Silence {
  #spoke = Date.now()
  readonly #watch: NodeJS.Timeout

  /** @param broken called while the silence lasts, with the present time in milliseconds since the epoch */
  constructor(broken: (now: number) => void) {
    this.#watch = setInterval(() => {
      const now = Date.now()
      if (now - this.#spoke >= LONGEST) broken(now)
    }, LONGEST / 3).unref()
  }

  /** Something was said. */
  heard(): void {
    this.#spoke = Date.now()
  }

  end(): void {
    clearInterval(this.#watch)
  }
}
