/** From merged fields to a machine's definition: every field is judged by itself and with the others, and all mistakes are said at once. */
import { coerce } from '../../vars/coerce.ts'
import type { ValuePath } from '../../vars/layer.ts'
import { completeDisks } from './disks.ts'
import { completeInterfaces } from './interfaces.ts'
import { imageSteps, type WrittenStep } from './pipeline.ts'
import { problemsOf, type Origin, type Problem } from './problems.ts'
import { definitionSchema, type DefinitionFields } from './schema.ts'
import type { Firmware, MachineDefinition } from './types.ts'

/** What is known beside the fields. */
export interface Identity {
  readonly platform: string
  readonly target: string
  readonly files: readonly string[]
}

/** The definition, or undefined when there is any problem, also of those who came before. */
export function completeDefinition(merged: Readonly<Record<string, unknown>>, identity: Identity, origin: Origin, problems: Problem[]): MachineDefinition | undefined {
  const fields = checkFields(merged, origin, problems)
  const name = fields.name ?? `${identity.platform}_${identity.target}`
  const several = merged['interfaces'] !== undefined
  const [nets, paths]: [DefinitionFields['interfaces'], ValuePath[]] = several
    ? [fields.interfaces, (fields.interfaces ?? []).map((_, index) => ['interfaces', index])]
    : [merged['net'] === undefined ? [{ type: 'user', forwards: [], model: 'virtio' }] : fields.net && [fields.net], [['net']]]
  const interfaces = nets && completeInterfaces(nets, paths, origin, problems)
  const disks = fields.disks && completeDisks(fields.disks, origin, problems)
  const image = imageSteps(asSteps(merged['image']))
  const imageWrong = problems.some(({ text }) => /^image\b/.test(text))
  if (image.length === 0 && !imageWrong) problems.push({ text: 'image: the pipeline has no step', location: origin(['image']), hint: 'nothing says what the disk is made from: write image: [{fetch: {url: …, checksum: …}}, {seed: {reader: cloud-init}}] in the platform' })
  const { arch, machine, memory } = fields
  if (problems.length > 0 || !interfaces || !disks || arch === undefined || machine === undefined || memory === undefined) return undefined
  const cpu = typeof fields.cpu === 'string' ? { kvm: fields.cpu, qemu: fields.cpu } : { kvm: fields.cpu?.kvm, qemu: fields.cpu?.qemu }
  return {
    name,
    hostname: fields.hostname ?? hostnameOf(name),
    platform: identity.platform,
    target: identity.target,
    arch,
    virtType: fields.virt_type ?? 'auto',
    emulator: fields.emulator,
    machineType: machine,
    cpu,
    vcpus: fields.vcpus ?? 1,
    memory,
    firmware: firmwareOf(fields.firmware),
    cmdline: fields.cmdline,
    disks,
    interfaces,
    image,
    login: { user: fields.login?.user ?? 'root', key: fields.login?.key },
    bootTimeout: fields.boot_timeout,
    shutdownTimeout: fields.shutdown_timeout ?? 60,
    snapshotType: fields.snapshot_type ?? 'auto',
    template: fields.template ?? 'domain',
    extra: structuredClone(fields.extra ?? {}),
    files: identity.files,
  }
}

/** Each field by itself, so that a mistake in one does not hide those of the others. */
function checkFields(merged: Readonly<Record<string, unknown>>, origin: Origin, problems: Problem[]): Partial<DefinitionFields> {
  const { shape } = definitionSchema
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(merged)) {
    if (!Object.hasOwn(shape, key)) problems.push({ text: `${key} is not known here`, location: origin([key]), word: key, known: Object.keys(shape), hint: HINTS[key] })
  }
  for (const [key, field] of Object.entries(shape)) result[key] = problemsOf(field, coerce(field, merged[key]), [key], origin, problems)
  return result as Partial<DefinitionFields>
}

const HINTS: Readonly<Record<string, string>> = { extends: 'extends stands in files of definitions, not here', require: 'require stands in files of definitions, not here' }

function asSteps(value: unknown): WrittenStep[] {
  return Array.isArray(value) ? (value as WrittenStep[]) : []
}

function firmwareOf(written: DefinitionFields['firmware'] | undefined): Firmware {
  if (written === undefined || written === 'default') return { kind: 'default' }
  if (written === 'efi') return { kind: 'efi' }
  return typeof written === 'string' ? { kind: 'file', loader: written, nvram: undefined } : { kind: 'file', loader: written.loader, nvram: written.nvram }
}

/** A host name made of a machine's name: `debian-12-amd64`. */
export function hostnameOf(name: string): string {
  const words = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+/, '').slice(0, 63).replace(/-+$/, '')
  return words || 'machine'
}
