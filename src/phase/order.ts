/**
 * What a machine's life will be: which steps run and why, decided at once from what is allowed and from the snapshots there are.
 * Nothing is done here. The rules are those of upstream's engine; what is farm's own is that a snapshot can be stale, and that a
 * machine which will be restored anyway is not booted first.
 */
import { InputError } from '../errors.ts'
import type { InputChange } from './hash.ts'
import type { LifeToken } from './tokens.ts'

/** What to do about a snapshot whose inputs have changed: as if it were not there, use it with a warning, or refuse. */
export const STALE_POLICIES = ['remake', 'warn', 'fail'] as const
export type StalePolicy = (typeof STALE_POLICIES)[number]

/** A snapshot that the machine has. */
export interface SnapshotState {
  readonly name: string
  /** What has changed since it was made; empty: nothing. Undefined: it has no record of what it was made from, and is taken as it is. */
  readonly changes: readonly InputChange[] | undefined
  /** True when it holds the memory of a running machine, so that restoring it starts the machine: internal, taken while it ran. */
  readonly memory: boolean
}

/** What the decision is made from. */
export interface LifeInput {
  readonly allowed: ReadonlySet<LifeToken>
  /** From `snapshotNames`. */
  readonly names: { readonly clean: string; readonly init: string }
  /** Read once: what a run makes itself is not looked at again. */
  readonly snapshots: readonly SnapshotState[]
  readonly stale: StalePolicy
}

/** One step, and why it runs or does not. */
export interface LifeStep {
  readonly token: LifeToken
  /** Whether it would run if it were allowed. */
  readonly due: boolean
  readonly run: boolean
  /** A sentence without a full stop, for people. */
  readonly reason: string
  /** Of the steps that restore or create: the snapshot. */
  readonly snapshot: string | undefined
  /** Of the steps that create: an old snapshot of the same name has to be removed before. */
  readonly replaces: boolean
}

/** A machine's life. */
export interface LifePlan {
  /** By token; all ten. Their order is `LIFE_STEPS`. */
  readonly steps: Readonly<Record<LifeToken, LifeStep>>
  /** The machine's image or definition has changed: it is to be made anew, with a new disk and without snapshots, before anything else. */
  readonly recreate: boolean
  /** When the machine is started: before the snapshot is restored, by restoring it, after that, or never, since startup is not allowed. */
  readonly boot: 'first' | 'by restore' | 'after restore' | 'never'
  /** `boot === 'first'`. */
  readonly bootFirst: boolean
  /** What of the life is there already. */
  readonly restored: 'init' | 'clean' | undefined
  readonly warnings: readonly string[]
}

/**
 * Decides a machine's life.
 * @throws InputError `snapshot-stale` when the policy is `fail` and a snapshot that would be used is stale, or when the machine must be
 *   made anew and startup is not allowed
 */
export function planLife(input: LifeInput): LifePlan {
  const { allowed, names, stale } = input
  const warnings: string[] = []
  const found = (name: string): SnapshotState | undefined => input.snapshots.find((snapshot) => snapshot.name === name)
  const recreate = stale === 'remake' && mustRecreate(input)
  // A machine that is made anew has no snapshots.
  const [clean, init] = recreate ? [undefined, undefined] : [found(names.clean), found(names.init)]
  const gone = (snapshot: SnapshotState | undefined): boolean => snapshot === undefined || (stale === 'remake' && isStale(snapshot))

  const restoreInit = !gone(init)
  const initRestored = restoreInit && allowed.has('restore init')
  if (initRestored) judge(init as SnapshotState, stale, warnings)
  const restoreClean = !initRestored && !gone(clean)
  const cleanRestored = restoreClean && allowed.has('restore clean')
  if (cleanRestored) judge(clean as SnapshotState, stale, warnings)
  const createClean = !initRestored && !cleanRestored && gone(clean)
  const createInit = !initRestored && gone(init)
  const restored = initRestored ? 'init' : cleanRestored ? 'clean' : undefined
  const others = recreate ? [] : input.snapshots.filter(({ name }) => name !== names.clean)
  const lost = recreate ? input.snapshots.map(({ name }) => name).filter((name) => name !== names.clean && name !== names.init) : []
  if (lost.length > 0) warnings.push(`the machine is made anew, and with it go the snapshots of other projects and revisions: ${lost.join(', ')}`)
  if (createClean && allowed.has('create clean') && others.length > 0) {
    warnings.push(`the snapshot ${names.clean} is missing though ${others[0]?.name} exists: it will be made from the disk as it is now, on which phases may have run already`)
  }

  const used = initRestored ? init : cleanRestored ? clean : undefined
  const boot = !allowed.has('startup') ? 'never' : used === undefined ? 'first' : used.memory ? 'by restore' : 'after restore'
  const step = (token: LifeToken, due: boolean, reason: string, snapshot?: string, replaces = false): LifeStep =>
    due && !allowed.has(token) ? { token, due, run: false, reason: `${token} is not among allowed_phases`, snapshot, replaces } : { token, due, run: due, reason, snapshot, replaces }
  const isRestored = `${used?.name} is restored`
  const starts = boot === 'by restore' ? `restoring ${used?.name} starts the machine` : boot === 'after restore' ? `the machine is started once ${used?.name} is restored` : 'the machine has to run'
  const reasonFor = (name: string, snapshot: SnapshotState | undefined): string => missing(name, snapshot, recreate, false) ?? ''
  const noInit = 'no init snapshot is restored'
  const fromInit = `${names.init} is restored, in which it has run already`
  const steps: LifePlan['steps'] = {
    startup: step('startup', true, starts),
    'restore init': step('restore init', restoreInit, missing(names.init, init, recreate, restoreInit) ?? `${names.init} exists${freshness(init)}`, names.init),
    'restore clean': step('restore clean', restoreClean, initRestored ? isRestored : (missing(names.clean, clean, recreate, restoreClean) ?? `${names.clean} exists${freshness(clean)}`), names.clean),
    'create clean': step('create clean', createClean, createClean ? reasonFor(names.clean, clean) : restored === undefined ? `${names.clean} exists already` : isRestored, names.clean, clean !== undefined),
    dependencies: step('dependencies', !initRestored, initRestored ? fromInit : noInit),
    init: step('init', !initRestored, initRestored ? fromInit : noInit),
    'create init': step('create init', createInit, createInit ? reasonFor(names.init, init) : initRestored ? isRestored : `${names.init} exists already`, names.init, init !== undefined),
    main: step('main', true, 'it runs every time'),
    terminate: step('terminate', true, 'it always runs once the machine has been reached, whatever happened'),
    shutdown: step('shutdown', true, 'it always runs at the end'),
  }
  return { steps, recreate, boot, bootFirst: boot === 'first', restored, warnings }
}

function isStale({ changes }: SnapshotState): boolean {
  return changes !== undefined && changes.length > 0
}

function because(changes: readonly InputChange[]): string {
  return changes.map(({ text }) => text).join(', ')
}

/** Whether a snapshot that this run may use or make says that the machine itself is another one now. */
function mustRecreate({ allowed, names, snapshots }: LifeInput): boolean {
  const about: readonly [string, readonly LifeToken[]][] = [[names.clean, ['restore init', 'restore clean', 'create clean']], [names.init, ['restore init', 'create init']]]
  for (const [name, tokens] of about) {
    const changes = snapshots.find((snapshot) => snapshot.name === name)?.changes ?? []
    const machine = changes.filter(({ what }) => what === 'machine')
    // All that `clean` is made from is the machine.
    if ((name === names.clean ? changes : machine).length === 0 || !tokens.some((token) => allowed.has(token))) continue
    if (allowed.has('startup')) return true
    throw staleError(name, changes, 'the machine has to be made anew, which needs startup among allowed_phases; or set stale: warn')
  }
  return false
}

/** Lets a snapshot be used, with what is to be said about it. */
function judge(snapshot: SnapshotState, stale: StalePolicy, warnings: string[]): void {
  const { name, changes } = snapshot
  if (changes === undefined) warnings.push(`the snapshot ${name} has no record of what it was made from: it is used as it is`)
  else if (changes.length === 0) return
  else if (stale === 'fail') throw staleError(name, changes, 'set stale: remake to have it made anew, or stale: warn to use it as it is')
  else warnings.push(`the snapshot ${name} is stale and is used as it is: ${because(changes)}`)
}

function staleError(name: string, changes: readonly InputChange[], hint: string): InputError {
  return new InputError('snapshot-stale', `the snapshot ${name} is stale: ${because(changes)}`, { hint })
}

/** Why a snapshot is not restored; undefined when it is. */
function missing(name: string, snapshot: SnapshotState | undefined, recreate: boolean, restore: boolean): string | undefined {
  if (restore) return undefined
  if (recreate) return `the machine is made anew, so there is no ${name}`
  return snapshot === undefined ? `there is no ${name}` : `${name} is stale: ${because(snapshot.changes ?? [])}`
}

function freshness(snapshot: SnapshotState | undefined): string {
  if (snapshot?.changes === undefined) return ''
  return isStale(snapshot) ? ', though it is stale' : ' and nothing has changed since it was made'
}

/**
 * A step once more, since `allowed_phases` may have been changed by a phase: what is asked for anew runs if it is due, what was taken
 * away does not run.
 */
export function reconsider(step: LifeStep, allowed: ReadonlySet<LifeToken>): LifeStep {
  const run = step.due && allowed.has(step.token)
  if (run === step.run) return step
  return { ...step, run, reason: run ? `${step.token} has come to be among allowed_phases` : `${step.token} is no longer among allowed_phases` }
}

/** For people: one line a step, e.g. `skip  create clean: init is restored`. */
export function describeLife({ steps, recreate, warnings }: LifePlan): string[] {
  const lines = Object.values(steps).map(({ token, run, reason }) => `${run ? 'run ' : 'skip'}  ${token}: ${reason}`)
  return [...(recreate ? ['the machine is made anew'] : []), ...lines, ...warnings.map((warning) => `warning: ${warning}`)]
}
