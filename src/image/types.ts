/** What a base image is made from, and what it is once it stands in a hypervisor's cache. */

/** How a machine of the image starts: from its own boot loader, or with a kernel handed over by the hypervisor. */
export type Boot = 'disk' | 'kernel'
/** Which program in the guest reads the seed; with `none`, nothing does, and the image has to let farm in by itself. */
export type SeedReader = 'cloud-init' | 'farm' | 'none'

/** An image that exists somewhere and is downloaded. */
export interface DownloadSpec {
  readonly kind: 'download'
  /** `http(s)://`, `ftp://`, `file://` or an absolute path, as the hypervisor sees it. */
  readonly url: string
  /** The name under which the checksum file lists the image; the last part of `url` when undefined. */
  readonly name?: string | undefined
  /** A file that lists the image's checksum; also those of the kernel and the initial RAM disk. */
  readonly checksumUrl?: string | undefined
  /** `sha256:…`, `sha512:…`, or `none` for an image that nobody vouches for. */
  readonly checksum?: string | undefined
  readonly kernelUrl?: string | undefined
  readonly initrdUrl?: string | undefined
  /** The image's architecture as for `uname -m`; `x86_64` when undefined. */
  readonly arch?: string | undefined
  /** The kernel's command line, for an image with `kernelUrl`; one for `arch` when undefined. */
  readonly cmdline?: string | undefined
  /** `cloud-init` when undefined. */
  readonly seed?: SeedReader | undefined
  /** A directory on the hypervisor for unfinished downloads: the current user's, or made by farm. */
  readonly workingDir: string
}

/** An image that is built from a Debian mirror. */
export interface BuildSpec {
  readonly kind: 'build'
  /** `bookworm`, `trixie` or another suite with systemd. */
  readonly suite: string
  /** Debian's name of the architecture: `amd64`. Another than the hypervisor's needs QEMU's user mode emulation there. */
  readonly arch: string
  /** Packages in addition to those that every guest gets. */
  readonly packages: readonly string[]
  /** The distribution's own when undefined. */
  readonly mirror?: string | undefined
  readonly workingDir?: string | undefined
}

/** One step of an image's pipeline: the name of a step and its arguments, e.g. `{ step: 'fetch', args: { url: … } }`. */
export interface ImageStep {
  readonly step: string
  readonly args: Readonly<Record<string, unknown>>
  /** Where it is written, for messages. */
  readonly location?: { readonly file: string; readonly line?: number } | undefined
}

/** An image that a pipeline of steps makes. */
export interface PipelineSpec {
  readonly kind: 'pipeline'
  readonly steps: readonly ImageStep[]
  /** The guest's architecture as libvirt names it: x86_64, aarch64, ppc64le, riscv64, s390x. */
  readonly arch: string
  /** A directory on the hypervisor for unfinished downloads. */
  readonly workingDir: string
  /** Directories on the controller with steps of the user's own (`<name>.ts`), first one wins, before farm's. */
  readonly stepDirs: readonly string[]
  /** How a file with a step is loaded; needed where a step is the user's own. */
  readonly importModule?: ImportModule | undefined
}

/** Loads a TypeScript file. */
export type ImportModule = (file: string) => Promise<Record<string, unknown>>

/** An image that takes no pipeline. */
export type PlainSpec = DownloadSpec | BuildSpec
export type ImageSpec = PlainSpec | PipelineSpec

/** A verified image in the cache of a hypervisor. Machines are overlays on `disk`. */
export interface BaseImage {
  /** Name of its directory in the cache; the same key means the same content. */
  readonly key: string
  readonly dir: string
  /** The qcow2 file, without a backing file, never written to. */
  readonly disk: string
  readonly kernel?: string | undefined
  readonly initrd?: string | undefined
  readonly cmdline?: string | undefined
  /** Bytes that a guest sees; a machine's disk cannot be smaller. 0 when only planned, in check mode. */
  readonly virtualSize: number
  readonly boot: Boot
  readonly seed: SeedReader
  /** What a `seed` step adds to the seeds of machines: packages that cloud-init installs, and further keys of its configuration. */
  readonly seedPackages?: readonly string[] | undefined
  readonly userData?: Readonly<Record<string, unknown>> | undefined
}
