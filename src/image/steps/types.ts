/** What a step of an image's pipeline is: a name, a schema of its arguments, and one thing done to the image on the hypervisor. */
import type { z } from 'zod'
import type { Host, Shell } from '../../host/index.ts'
import type { Watch } from '../transfer.ts'
import type { Boot, SeedReader } from '../types.ts'

/** What is known of the image between two steps. Files are relative to the stage directory. */
export interface ImageState {
  /** The image; undefined until a step has brought one, or when an archive held several. */
  readonly file: string | undefined
  /** As qemu-img calls it: qcow2, raw, vmdk …; undefined for what is no disk image (yet), e.g. an archive. */
  readonly format: string | undefined
  readonly kernel: string | undefined
  readonly initrd: string | undefined
  /** The kernel's command line, where there is a kernel. */
  readonly cmdline: string | undefined
  readonly boot: Boot
  readonly seed: SeedReader
  readonly seedPackages: readonly string[]
  readonly userData: Readonly<Record<string, unknown>>
}

/** Where a step works. */
export interface StepContext {
  readonly host: Host
  /** Runs commands on the hypervisor; they belong to the change that is the making of the image, and are not reported one by one. */
  readonly $: Shell
  /** A directory on the hypervisor that is this pipeline's alone, and gone afterwards. */
  readonly stage: string
  /** The guest's architecture, as the kernel calls it. */
  readonly arch: string
  /** A directory on the hypervisor for unfinished downloads. */
  readonly workingDir: string
  /** The key of the image that is made. */
  readonly key: string
  /** Where a log is kept when the step fails. */
  readonly log: string
  /** Directory on the controller of the file in which the step is written: what paths on the controller are relative to. */
  readonly baseDir: string
  readonly state: ImageState
  readonly watch: Watch
  /** The absolute path of a file in the stage directory. @throws InputError for one that leaves it. */
  path(name: string): string
  /** Has something done once all steps have succeeded. */
  afterwards(work: () => Promise<unknown>): void
}

/** What is known when a step is judged before anything is changed. */
export interface StepOutlook {
  readonly host: Host
  readonly arch: string
  readonly workingDir: string
}

/** A step. Only `name`, `description`, `args` and `run` are asked of a project's own. */
export interface StepDefinition<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** One sentence for people. */
  readonly description: string
  /** Of the step's arguments; strict: names that it does not know are errors. */
  readonly args: Schema
  /** True for a step that brings an image where there is none; the first step has to. */
  readonly brings?: boolean | undefined
  /** Does the work; what it resolves with is what is different now. */
  run(context: StepContext, args: z.output<Schema>): Promise<Partial<ImageState> | void>
  /** Programs of the hypervisor that it needs. */
  programs?(args: z.output<Schema>): readonly string[]
  /** Finds out without changing anything whether it can succeed; resolves with the bytes that it takes, where known. */
  look?(outlook: StepOutlook, args: z.output<Schema>): Promise<{ readonly size?: number }>
  /** What will be different, as far as it can be told without running it: for check mode. */
  plan?(state: ImageState, args: z.output<Schema>, arch: string): Partial<ImageState>
  /** What decides about the image's content: by default the arguments. Of a secret it may only hold what does not tell it. */
  content?(args: z.output<Schema>, arch: string, baseDir: string): unknown
  /** Raised when the step does something else with the same arguments. A project's own step counts by its file's content. */
  readonly version?: number | undefined
}

/** Declares a step, typed by its schema. */
export function imageStep<Schema extends z.ZodObject>(definition: StepDefinition<Schema>): StepDefinition<Schema> {
  return definition
}

/** Before the first step. */
export const NOTHING: ImageState = { file: undefined, format: undefined, kernel: undefined, initrd: undefined, cmdline: undefined, boot: 'disk', seed: 'cloud-init', seedPackages: [], userData: {} }
