/** Hosts that are worked on together: how they wait for each other, who has failed, and when all have to stop. */
import type { Recipe, Task } from '../recipe/index.ts'
import { LockStep, OnceForAll, Semaphore } from './pace.ts'

/** The state that the hosts of one batch share. */
export class Batch {
  readonly hosts: readonly string[]
  readonly once: OnceForAll
  /** Undefined when every host goes at its own pace. */
  readonly lockStep: LockStep | undefined
  readonly failed = new Set<string>()
  /** Why no host may begin another task. */
  stopped: string | undefined
  readonly #recipe: Recipe
  readonly #forks: Semaphore | undefined
  readonly #throttles = new Map<Task, Semaphore>()

  constructor(recipe: Recipe, hosts: readonly string[], forks: number) {
    this.#recipe = recipe
    this.hosts = hosts
    this.once = new OnceForAll(hosts)
    const together = recipe.strategy === 'lock-step'
    this.lockStep = together ? new LockStep(hosts) : undefined
    this.#forks = together ? new Semaphore(forks) : undefined
  }

  /** Names of the hosts that have not failed. */
  get left(): readonly string[] {
    return this.hosts.filter((host) => !this.failed.has(host))
  }

  /** Does a task's work when there is room for it. */
  async paced<T>(task: Task, work: () => Promise<T>): Promise<T> {
    const { throttle } = task.options
    const within = this.#forks === undefined ? work : () => (this.#forks as Semaphore).with(work)
    if (throttle === undefined) return within()
    let limit = this.#throttles.get(task)
    if (limit === undefined) this.#throttles.set(task, (limit = new Semaphore(throttle)))
    return limit.with(within)
  }

  /** A host has failed for good; decides whether the others may go on. */
  fail(host: string, fatal: boolean): void {
    this.failed.add(host)
    const { maxFailPercentage } = this.#recipe
    const share = (this.failed.size / this.hosts.length) * 100
    if (fatal) this.stop(`${host} failed, and an error on any host ends the run on all`)
    else if (maxFailPercentage !== undefined && share > maxFailPercentage) this.stop(`${this.failed.size} of ${this.hosts.length} hosts failed, which is more than ${maxFailPercentage} %`)
  }

  stop(reason: string): void {
    this.stopped ??= reason
    this.lockStep?.open()
  }

  /** The host has ended, well or not. */
  leave(host: string): void {
    this.once.leave(host)
    this.lockStep?.leave(host)
  }
}
