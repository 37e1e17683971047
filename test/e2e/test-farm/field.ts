/** A test farm on the lab: hypervisors, platforms whose images the lab serves, and a project whose phases leave a trace in the guest. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Event } from '../../../src/events.ts'
import { packageRoot } from '../../../src/paths.ts'
import { HttpServer, Lab, type Result } from '../../lab/index.ts'
import { guestImage, publishGuest, type GuestImageOptions } from '../../lab/images.ts'
import { eventsOf, Started, type Run } from '../farm.ts'

/** One machine's line of the result, as scripts get it. */
export interface MachineLine {
  readonly machine: string
  readonly hypervisor?: string
  readonly result: string
  readonly step?: string
  readonly from?: string
}

export interface FieldOptions {
  /** Hypervisors. */
  readonly hosts: readonly string[]
  /** By host: programs that it lacks. */
  readonly without?: Readonly<Record<string, readonly string[]>>
  /** Platforms by name, each with the image of every target. */
  readonly platforms: Readonly<Record<string, Readonly<Record<string, GuestImageOptions>>>>
  /** `config` of localhost, as YAML. */
  readonly config: string
  /** More variables of all machines, as YAML lines. */
  readonly vms?: readonly string[]
}

/** The whole of it; disposing of it takes everything down. */
export class Field implements AsyncDisposable {
  readonly lab: Lab
  readonly http: HttpServer
  readonly dir: string

  private constructor(lab: Lab, http: HttpServer, dir: string) {
    this.lab = lab
    this.http = http
    this.dir = dir
  }

  static async create({ hosts, without = {}, platforms, config, vms = [] }: FieldOptions): Promise<Field> {
    const images = new Map<string, Awaited<ReturnType<typeof guestImage>>>()
    for (const [platform, targets] of Object.entries(platforms)) for (const [target, options] of Object.entries(targets)) images.set(`${platform}/${target}`, await guestImage(options))
    const lab = await Lab.create({ hosts, without })
    try {
      const root = join(lab.dir, 'www')
      const http = await HttpServer.create({ root, lab })
      const field = new Field(lab, http, join(lab.dir, 'project'))
      field.write('hosts.yaml', [
        'all:',
        '  hosts:',
        `    localhost: { ansible_connection: local, config: ${config} }`,
        '  children:',
        '    hypervisors:',
        '      hosts:',
        ...hosts.map((name) => `        ${name}: { ansible_host: ${lab.host(name).address}, ansible_user: root }`),
        '    vms:',
        '      vars:',
        '        connection_timeout: 600',
        ...vms.map((line) => `        ${line}`),
        '',
      ].join('\n'))
      for (const [pair, image] of images) {
        const [platform = '', target = ''] = pair.split('/')
        const path = `${http.url}${await publishGuest(image, root)}`
        field.write(`platforms/${platform}.yaml`, 'memory: 320\nvcpus: 1\n')
        field.write(`platforms/${platform}/${target}.yaml`, `image:\n  - fetch: { url: ${path}/disk.qcow2, kernel_url: ${path}/vmlinuz, initrd_url: ${path}/initrd.img, cmdline: '${image.cmdline}', checksum: none }\n  - seed: { reader: farm }\n`)
      }
      for (const phase of ['dependencies', 'init', 'main', 'terminate']) field.phase(phase)
      return field
    } catch (error) {
      await lab[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Writes a file of the project. */
  write(path: string, text: string): string {
    const file = join(this.dir, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  /** Writes a phase that leaves its trace in the guest and tells the whole trace. */
  phase(name: string, more = ''): void {
    this.write(`phases/greet/${name}.sh`, `#!/bin/sh\nset -eu\necho ${name} >>/root/trace\n${more}\necho "trace: $(tr '\\n' ' ' </root/trace)"\n`)
  }

  /** `farm run test-farm --json …` with the project, to its end. */
  test(...args: readonly string[]): Promise<Run> {
    return this.start(...args).end()
  }

  start(...args: readonly string[]): Started {
    return new Started(this.child(['run', 'test-farm', '-i', 'hosts.yaml', '--json', '-e', 'phases_lookup_dir_path=phases/greet', ...args]))
  }

  /** `farm …` in the project. */
  async farm(...args: readonly string[]): Promise<Result> {
    return this.lab.controller([process.execPath, join(packageRoot, 'bin/farm'), ...args], { cwd: this.dir, timeout: 300_000 })
  }

  child(args: readonly string[]): ReturnType<Lab['start']> {
    return this.lab.start([process.execPath, join(packageRoot, 'bin/farm'), ...args], { cwd: this.dir })
  }

  /** Names of a machine's snapshots on a host, in virsh's order. */
  async snapshots(host: string, machine: string): Promise<string[]> {
    return (await this.lab.host(host).must(`virsh -q snapshot-list ${machine} --name`)).split('\n').map((line) => line.trim()).filter((line) => line !== '')
  }

  /** Files of the farm on a host. */
  async files(host: string): Promise<string[]> {
    return (await this.lab.host(host).exec('ls /var/lib/libvirt/images/test-farm')).stdout.split('\n').filter((line) => line !== '')
  }

  /** State of a machine, as libvirt says it. */
  async state(host: string, machine: string): Promise<string> {
    return (await this.lab.host(host).must(`virsh -q domstate ${machine}`)).trim()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]()
    await this.lab[Symbol.asyncDispose]()
  }
}

/** The table of machines that a run ended with. */
export function machines(run: Run): readonly MachineLine[] {
  const result = eventsOf(run, 'result').map(({ data }) => data as { readonly machines?: readonly MachineLine[] }).find((data) => data.machines !== undefined)
  return result?.machines ?? []
}

/** What a machine's phases told last of their trace: the phases that have run since its disk was new, or its snapshot taken. */
export function trace(run: Run, machine: string): string {
  const lines = run.events.filter((event): event is Extract<Event, { type: 'output' }> => event.type === 'output' && event.host === machine && event.line.startsWith('trace: '))
  return lines.at(-1)?.line.slice(7).trim() ?? ''
}

/** The phases that ran in a machine in this run, in order; one that failed ends in an exclamation mark. */
export function phases(run: Run, machine: string): string[] {
  const ends = eventsOf(run, 'task-end').filter(({ host, task, outcome }) => host === machine && /^(dependencies|init|main|terminate)(:|$)/.test(task) && outcome !== 'skipped')
  return [...new Set(ends.map(({ task, outcome }) => `${task.split(':')[0]}${outcome === 'failed' ? '!' : ''}`))]
}
