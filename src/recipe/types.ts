/** The authoring API: what a recipe, a task, a block and a handler are, and what a task may use. */
import type { z } from 'zod'
import type { Ensure } from '../ensure/index.ts'
import type { Failure, Outcome, Rung } from '../events.ts'
import type { Connection, Facts, Host } from '../host/index.ts'
import type { Hypervisor } from '../hypervisor/index.ts'
import type { Location } from '../errors.ts'
import type { ValuePath } from '../vars/index.ts'

/** All that a task has in its hands on one host. */
export interface TaskContext<Vars = unknown> {
  /** The host that is worked on: the recipe's, or the one that the task is delegated to. */
  readonly host: Host
  /** The host for which it is done, by its inventory name; differs from `host.name` when the task is delegated. */
  readonly inventoryHost: string
  readonly hypervisor: Hypervisor
  /** The host primitives: each reads, compares, and applies the difference. */
  readonly ensure: Ensure
  /** The recipe's variables for this host, checked against its schema. */
  readonly vars: Vars
  /** All variables of this host, also those that the schema does not name. */
  readonly variables: Variables
  /** True in check mode; `host.$` and every `ensure` know it already. */
  readonly check: boolean
  /** Aborted when the user interrupts: pass it to whatever waits. */
  readonly signal: AbortSignal
  /** Names of the hosts that the recipe runs on and that have not failed, in order. */
  readonly hosts: readonly string[]
  /** Directories in which templates are looked up, the project's before farm's. */
  readonly templateDirs: readonly string[]
  /** Who runs farm: `user@controller`, written into the metadata of what is made. */
  readonly owner: string
  /** In a `rescue`, and in an `always` after a failure or an interruption: what went wrong. */
  readonly failure: Failure | undefined
  /** How the user calls farm again with the same inventory: `again('ssh boreas')` gives `farm ssh -i hosts.ini boreas`. */
  again(command: string): string
  /** Tells people something; a warning stands out. */
  note(message: string): void
  note(level: 'info' | 'warning', message: string): void
  /** Says which step of long work is under way. */
  progress(message: string): void
  rung(machine: string, rung: Rung, seconds: number, detail?: string): void
  /** What the run made: lines for people, data for scripts; shown last. */
  result(lines: readonly string[], data: unknown): void
  /** Ends the task as skipped, with the reason. */
  skip(reason: string): never
  /** Ends the task as failed. */
  fail(message: string, hint?: string): never
  /** What the host is: one round trip, once a run. */
  facts(): Promise<Facts>
  /** Asks for a handler at the end, whether or not the task changes anything; the option `notify` does it for changes alone. */
  notify(handler: Notified): void
  /** What an earlier task came to on this host (a loop: a list of values); undefined when it has not run. */
  resultOf<Value>(task: Task<never, Value>): TaskResult<Value> | undefined
  /** Sets variables of this host for what follows; extra variables still win. */
  setVariables(values: Readonly<Record<string, unknown>>): void
  /** One value for all hosts and recipes of the run: what `make` gives to whoever asks for that key first. Kept in memory alone. */
  shared<Value>(key: string, make: () => Value): Value
  /**
   * Closes this host's connection to a host (the one worked on unless another is named), since what answered there is no longer
   * there: the next task connects anew. Nothing more can be done there in this task.
   */
  disconnect(host?: string): Promise<void>
  /**
   * Gives the user's terminal to a login shell on the host that is worked on (or at the end of another connection), and waits for its
   * end; one shell at a time. Resolves with its exit code. A recipe that may do so says when by `interactive`.
   */
  shell(connection?: Connection): Promise<number>
  /** Whether `--limit` leaves a host that is about to be added to these groups. */
  withinLimit(host: string, groups?: readonly string[]): boolean
  /** Adds a host to the inventory for the recipes that follow; a recipe that does so says `addsHosts`. */
  addHost(name: string, options?: HostAddition): void
  /** Puts this host into a group, which comes to be when it is new, for the recipes that follow. */
  addToGroup(group: string): void
}

/** What a host that a task adds starts with. */
export interface HostAddition {
  readonly groups?: readonly string[]
  readonly variables?: Readonly<Record<string, unknown>>
  /**
   * Names whose variables win over those of all other groups, the last one over all; only the host's own variables are stronger.
   * Groups, also of group_vars/ alone, and other hosts of the inventory that stand for this one.
   */
  readonly precedence?: readonly string[]
}

/** Variables read by name, templates rendered. */
export interface Variables {
  /** @throws TaskError `undefined-variable` */
  get(name: string): unknown
  has(name: string): boolean
  /** Names of all that are set. */
  names(): readonly string[]
  /** Where a variable was set, or what is at `path` in it; undefined where nothing is known of it. */
  origin(name: string, path?: ValuePath): Location | undefined
  /** Variables of another host of the inventory. */
  of(host: string): Variables
}

/** How a task ended. */
export interface TaskResult<Value = unknown> {
  readonly outcome: Outcome
  readonly changed: boolean
  readonly failed: boolean
  readonly skipped: boolean
  /** What its function returned; undefined when it was skipped or failed. */
  readonly value: Value | undefined
  /** How often it was tried. */
  readonly attempts: number
  readonly failure: Failure | undefined
}

/** True when something shall be done. Anything but a boolean is an error: the text "false" would be true. */
export type Condition<Vars> = Loosely<(context: TaskContext<Vars>) => boolean | Promise<boolean>>

/** A function that takes part in assignments as a method does, so that a task that reads few variables fits into a recipe that has many. */
type Loosely<F extends (...args: never) => unknown> = { call(...args: Parameters<F>): ReturnType<F> }['call']

/** A handler, its name, or a topic that handlers listen to. */
export type Notified = Task<never> | string

/** What a task and a block have in common; a block's settings hold for all in it unless they say otherwise. */
export interface StepOptions<Vars> {
  /** For `--tags` and `--skip-tags`; `always` and `never` are special. A block's are added to those of its tasks. */
  readonly tags?: string | readonly string[]
  /** Skipped unless all hold. */
  readonly when?: Condition<Vars> | readonly Condition<Vars>[]
  /** Whether it runs as root, or as whom; the recipe decides when left out. */
  readonly become?: boolean | { readonly user?: string; readonly method?: 'sudo' | 'su' | 'doas' }
  /** Told of changes. */
  readonly notify?: Notified | readonly Notified[]
  /** A failure is reported and does not end the host's run. */
  readonly ignoreErrors?: boolean
  /** The same for a host that cannot be reached. */
  readonly ignoreUnreachable?: boolean
  /** A failure ends the run on all hosts of the batch. */
  readonly anyErrorsFatal?: boolean
  /** Runs on the first host alone; the others get its result. */
  readonly runOnce?: boolean
  /** Works on another host of the inventory (`localhost` always is one), with the variables of this one. */
  readonly delegateTo?: string | Loosely<(context: Pick<TaskContext<Vars>, 'vars' | 'variables' | 'hosts' | 'inventoryHost'>) => string>
}

/** What is particular to a task. */
export interface TaskOptions<Vars, Value = unknown> extends StepOptions<Vars> {
  /** How often it is tried again after a failure, or until `until` holds; 3 attempts in all when there is an `until` and no number. */
  readonly retries?: number
  /** Seconds between attempts; 5 unless given. */
  readonly delay?: number
  /** What has to hold for an attempt to be the last. */
  until?(result: TaskResult<Value>, context: TaskContext<Vars>): boolean | Promise<boolean>
  /** True: only looked at, never changed. False: runs for real even in check mode; for what only reads. */
  readonly check?: boolean
  /** Seconds after which it fails. */
  readonly timeout?: number
  /** So many hosts at once at most. */
  readonly throttle?: number
}

/** One named step on one host. */
export interface Task<Vars = unknown, Value = unknown> {
  readonly kind: 'task'
  readonly name: string
  readonly options: TaskOptions<Vars, Value>
  /** Topics that a handler listens to, beside its name. */
  readonly listen: readonly string[]
  run(context: TaskContext<Vars>): Promise<Value>
}

/** Tasks that belong together. What fails in `tasks` is made good by `rescue`; `always` runs at the end, whatever happened. */
export interface Block<Vars = unknown> {
  readonly kind: 'block'
  readonly name: string
  readonly options: StepOptions<Vars>
  readonly tasks: readonly Step<Vars>[]
  readonly rescue: readonly Step<Vars>[] | undefined
  readonly always: readonly Step<Vars>[]
}

/** Steps that are decided on when it is their turn. Its tags choose the step itself; `apply` gives tags to what is in it. */
export interface Include<Vars = unknown> {
  readonly kind: 'include'
  readonly name: string
  readonly options: StepOptions<Vars> & { readonly apply?: string | readonly string[] }
  steps(context: TaskContext<Vars>): readonly Step<Vars>[] | Promise<readonly Step<Vars>[]>
}

/** Runs the handlers that have been notified so far. */
export interface Flush {
  readonly kind: 'flush'
}

/** What a recipe is made of. */
export type Step<Vars = unknown> = Task<Vars, unknown> | Block<Vars> | Include<Vars> | Flush

/** How many hosts are worked on at a time: a number, a share of all (`30%`), or one after the other of these, the last repeated. */
export type Serial = number | `${number}%` | readonly (number | `${number}%`)[]

/** A named list of tasks for the hosts that a pattern selects. */
export interface Recipe<Schema extends z.ZodObject = z.ZodObject> {
  readonly description: string
  /** A host pattern, as in Ansible. */
  readonly hosts: string
  /** Whether its tasks run as root; undefined leaves it to `--become` and to the inventory. */
  readonly become: boolean | undefined
  /** The variables it reads: types, units (`.meta({ unit })`), defaults, descriptions. */
  readonly vars: Schema
  readonly tasks: readonly Step<z.output<Schema>>[]
  /** In the order in which they run when they are notified. */
  readonly handlers: readonly Task<z.output<Schema>>[]
  /** For all tasks. */
  readonly tags: string | readonly string[]
  /** `free`: every host goes at its own pace. `lock-step`: all have ended a task before any begins the next. */
  readonly strategy: 'free' | 'lock-step'
  readonly serial: Serial | undefined
  /** More failed hosts of a batch than this (in percent) end the run. */
  readonly maxFailPercentage: number | undefined
  readonly anyErrorsFatal: boolean
  readonly ignoreUnreachable: boolean
  /** Handlers run on hosts that have failed, too. */
  readonly forceHandlers: boolean
  /** Takes the host's lock, so that two runs never work on one host; false for what only looks. */
  readonly lock: boolean
  /** Its tasks add hosts for the recipes that follow, so that `--limit` may name hosts that are not there yet. */
  readonly addsHosts: boolean
  /** Whether its tasks ask for a shell, with these variables: without a terminal the run is refused then. */
  readonly interactive?: ((vars: z.output<Schema>) => boolean) | undefined
  /** Refuses variables that do not fit together; runs for every host before any is touched. */
  readonly validate?: ((vars: z.output<Schema>, host: string) => void | Promise<void>) | undefined
  /** True when it takes things away: a person is asked first. */
  readonly destructive: boolean
  /**
   * Runs once, on the controller, when all hosts have ended, well or not, and after an interruption too. What it throws is a
   * failure of the run.
   */
  readonly conclude?: Loosely<(conclusion: Conclusion<z.output<Schema>>) => void | Promise<void>> | undefined
}

/** What came of a recipe on all hosts. */
export interface Conclusion<Vars = unknown> {
  /** In the order of the inventory; also those that were never begun. */
  readonly hosts: readonly ConcludedHost<Vars>[]
  readonly check: boolean
  /** The user, or a failure that is fatal for all, has ended it before it was done. */
  readonly halted: boolean
  readonly owner: string
  /** As {@link TaskContext.again}. */
  again(command: string): string
  /** As {@link TaskContext.shared}. */
  shared<Value>(key: string, make: () => Value): Value
  note(message: string): void
  note(level: 'info' | 'warning', message: string): void
  /** As {@link TaskContext.result}. */
  result(lines: readonly string[], data: unknown): void
  /** Says that something failed that no host's task did. The run goes on; its exit code becomes the error's, if nothing else failed. */
  fail(error: Error): void
}

/** What came of a recipe on one host. */
export interface ConcludedHost<Vars = unknown> {
  readonly name: string
  readonly failed: boolean
  /** The first failure that nothing made good. */
  readonly failure: Failure | undefined
  /** Names of the tasks that were planned and never begun. */
  readonly undone: readonly string[]
  /** Wall time; 0 when it was never begun. */
  readonly seconds: number
  readonly vars: Vars
  readonly variables: Variables
  /** As {@link TaskContext.resultOf}. */
  resultOf<Value>(task: Task<never, Value>): TaskResult<Value> | undefined
}

/** Recipes that run one after another, each on the hosts that its own pattern selects by then. */
export interface Sequence {
  readonly description: string
  readonly recipes: readonly Recipe[]
}

/** Thrown by `skip`; the runner turns it into the outcome. */
export class Skipped extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'Skipped'
  }
}
