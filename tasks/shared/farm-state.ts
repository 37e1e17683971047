/** What the tasks of a test farm hand on to each other within one run: machines as they were placed and as they are taken through life. */
import type { Capabilities, CapabilityQuestions, Domain, HostLock, Snapshot } from '../../src/hypervisor/index.ts'
import type { BaseImage, PipelineSpec } from '../../src/image/index.ts'
import { Admission, type FarmDirs, type MachineDefinition, type Problem, type Room, type Survey, type UnplacedMachine } from '../../src/machine/index.ts'
import type { LifeInput, LifePlan, LoadedPhase, PhaseInputs, PhaseName, ProjectFacts } from '../../src/phase/index.ts'
import type { TaskContext } from '../../src/recipe/index.ts'

/** Where a machine was placed, and what it shall be. */
export interface Placed {
  readonly hypervisor: string
  readonly virtType: 'kvm' | 'qemu'
  readonly reason: string
  readonly definition: MachineDefinition
  readonly image: PipelineSpec
  readonly dirs: FarmDirs
  /** What its hypervisor can take at once. */
  readonly room: Room
  readonly capabilities: Capabilities
}

/** What is found out about a machine before anything is done to it. */
export interface Life {
  readonly domain: Domain | undefined
  readonly snapshots: readonly Snapshot[]
  readonly project: ProjectFacts
  /** Undefined without a project. */
  readonly phases: Readonly<Record<PhaseName, LoadedPhase | undefined>> | undefined
  readonly plan: LifePlan
  /** What the plan was made from. */
  readonly choices: LifeInput
  /** What the snapshots of this run are made from. */
  readonly inputs: { readonly clean: PhaseInputs; readonly init: PhaseInputs }
}

/** One machine of the run. */
export interface MachineState {
  readonly placed: Placed
  life?: Life
  image?: BaseImage
  lock?: HostLock | undefined
  /** Gives its place among the running machines back. */
  leave?: () => void
  /** `performance.now()` when its start was asked for, and what its console's log held then. */
  started?: { readonly at: number; readonly consoleOffset: number }
}

/** A hypervisor as it was found, with what its own variables say. */
export interface Probed {
  readonly survey: Survey | Problem
  readonly uri: string
  readonly dirs: FarmDirs
  /** Machines that may run at once; as many as it has CPUs when undefined. */
  readonly machinesAtOnce: number | undefined
  /** Finds out what the survey has left open. */
  ask(known: Capabilities, questions: CapabilityQuestions): Promise<Capabilities>
}

/** All of a run. */
export class FarmState {
  readonly probed = new Map<string, Probed>()
  readonly machines = new Map<string, MachineState>()
  /** Machines that fit nowhere, with what each hypervisor lacks. */
  unplaced: readonly UnplacedMachine[] = []
  readonly #doors = new Map<string, Admission>()
  readonly #once = new Map<string, Promise<unknown>>()

  /** The door of a hypervisor. */
  door(hypervisor: string, room: Room): Admission {
    let door = this.#doors.get(hypervisor)
    if (door === undefined) this.#doors.set(hypervisor, (door = new Admission(room)))
    return door
  }

  /** Does something once in a run, whoever asks first. */
  once<T>(what: string, make: () => Promise<T>): Promise<T> {
    let made = this.#once.get(what) as Promise<T> | undefined
    if (made === undefined) this.#once.set(what, (made = make()))
    return made
  }
}

/** The state of the run that a task belongs to. */
export function farmState(context: Pick<TaskContext, 'shared'>): FarmState {
  return context.shared('test-farm', () => new FarmState())
}

/** The machine that a task is about. */
export function machineState(context: Pick<TaskContext, 'shared' | 'inventoryHost'>): MachineState {
  const state = farmState(context).machines.get(context.inventoryHost)
  if (state === undefined) throw new Error(`${context.inventoryHost} was not placed in this run`)
  return state
}

/** What was found out about it. */
export function lifeOf(context: Pick<TaskContext, 'shared' | 'inventoryHost'>): Life {
  const { life } = machineState(context)
  if (life === undefined) throw new Error(`${context.inventoryHost} has not been looked at in this run`)
  return life
}

/** Whether the machine is used as it is. */
export function isThere({ domain, plan }: Life): boolean {
  return domain !== undefined && !plan.recreate
}
