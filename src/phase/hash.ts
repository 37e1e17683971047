/**
 * What a snapshot was made from, so that it can be told when that has changed. A snapshot's description holds the record:
 * one hash for everything, and a short one for each part, so that the part can be named.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readlink, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { InputError } from '../errors.ts'
import { phaseOf, shownPath, type Project } from './lookup.ts'

/** The record of what a snapshot was made from: plain data, for its description. */
export interface PhaseInputs {
  /** Of all parts. */
  readonly hash: string
  /** The machine's definition and its image. */
  readonly machine: { readonly definition: string; readonly image: string }
  /** A short hash for each file, by its name relative to the project; none for the snapshot `clean`. */
  readonly files: Readonly<Record<string, string>>
}

/** One thing that is not as it was when a snapshot was made. */
export interface InputChange {
  /** `machine`: its disk is another one now, and must be made anew. `phases`: what runs in it is. */
  readonly what: 'machine' | 'phases'
  /** A sentence without a full stop: `phases/vde/main.sh has changed`. */
  readonly text: string
}

/** So many files are recorded one by one; of more, only that one of them has changed. A description is no place for thousands. */
const MOST = 64
const OTHERS = '*'

/** The inputs of the snapshot `clean`. `definition`: hash of what the machine is; `image`: key of what its disk was made from. */
export function cleanInputs({ definition, image }: { readonly definition: string; readonly image: string }): PhaseInputs {
  return inputs({ definition: short(definition), image: short(image) }, {})
}

/**
 * The inputs of the snapshot `init`: those of `clean`, the files of dependencies and init with all that they include, and the files of
 * the project that are no phases: helpers that phases may use. What main and terminate do is not part of it.
 *
 * @param shared - from {@link sharedFiles}; read it once for all machines of a run
 * @param files - absolute paths: those of the loaded phases dependencies and init
 */
export async function initInputs(clean: PhaseInputs, project: Project, shared: Readonly<Record<string, string>>, files: readonly string[]): Promise<PhaseInputs> {
  const own = await Promise.all([...new Set(files)].map(async (file) => [relative(project.dir, file), await digest(file)] as const))
  const chosen = Object.fromEntries(own)
  const others = Object.entries(shared).filter(([name]) => !Object.hasOwn(chosen, name))
  const parts = others.length + own.length > MOST ? { [OTHERS]: short(JSON.stringify(others)) } : Object.fromEntries(others)
  return inputs(clean.machine, { ...parts, ...chosen })
}

function inputs(machine: PhaseInputs['machine'], files: Readonly<Record<string, string>>): PhaseInputs {
  const sorted = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))
  return { hash: sha256(JSON.stringify([machine.definition, machine.image, sorted])).slice(0, 32), machine, files: Object.fromEntries(sorted) }
}

/** Short hashes of the files of a project that are no phases, by name: not what editors leave behind, node_modules, what begins with a dot, or the README. */
export async function sharedFiles({ dir }: Project): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {}
  const walk = async (at: string, seen: readonly string[]): Promise<void> => {
    const entries = await readdir(at, { withFileTypes: true }).catch((cause: Error) => {
      throw new InputError('unreadable-directory', `cannot read ${at}: ${cause.message}`, { location: { file: at }, cause })
    })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = join(at, entry.name)
      if (ignored(entry.name)) continue
      if (entry.isDirectory()) await walk(file, [...seen, entry.name])
      // A level of phases is at most platform/target deep.
      else if (seen.length <= 2 && phaseOf(entry.name) !== undefined) continue
      else if (entry.isSymbolicLink()) found[relative(dir, file)] = await linked(file)
      else if (entry.isFile()) found[relative(dir, file)] = await digest(file)
    }
  }
  await walk(dir, [])
  return found
}

const BACKUPS = /~$|^#.*#$|\.(sw[a-p]|bak|orig|rej|tmp)$/
function ignored(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules' || name === '__pycache__' || BACKUPS.test(name) || /^readme(\.\w+)?$/i.test(name)
}

/** A link counts as the file that it leads to; a directory that it leads to, or nothing, as the text of the link. */
async function linked(file: string): Promise<string> {
  const target = await stat(file).catch(() => undefined)
  return target?.isFile() === true ? digest(file) : short(`link ${await readlink(file)}`)
}

/** A file's content, and whether it can be executed. */
async function digest(file: string): Promise<string> {
  try {
    const hash = createHash('sha256')
    hash.update((await stat(file)).mode & 0o111 ? 'x' : '-')
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
    return hash.digest('hex').slice(0, 8)
  } catch (cause) {
    throw new InputError('unreadable-file', `cannot read ${file}: ${(cause as Error).message}`, { location: { file }, cause })
  }
}

function short(text: string): string {
  return sha256(text).slice(0, 8)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A record read back from a snapshot's description; undefined when it is none, as of a snapshot that somebody made by hand. */
export function parseInputs(value: unknown): PhaseInputs | undefined {
  if (!isRecord(value) || typeof value['hash'] !== 'string' || !isTexts(value['files']) || !isTexts(value['machine'])) return undefined
  const { definition, image } = value['machine']
  if (definition === undefined || image === undefined) return undefined
  return { hash: value['hash'], machine: { definition, image }, files: value['files'] }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((item) => typeof item === 'string')
}

/** What is not as it was: empty when the snapshot is fresh. */
export function inputChanges(recorded: PhaseInputs, present: PhaseInputs, project: Project): InputChange[] {
  if (recorded.hash === present.hash) return []
  const changes: InputChange[] = []
  if (recorded.machine.definition !== present.machine.definition) changes.push({ what: 'machine', text: 'the definition of the machine has changed' })
  if (recorded.machine.image !== present.machine.image) changes.push({ what: 'machine', text: 'the image of the machine has changed' })
  // Files that were counted together before, or are now, cannot be told apart.
  const together = OTHERS in recorded.files || OTHERS in present.files
  if (together && recorded.files[OTHERS] !== present.files[OTHERS]) changes.push({ what: 'phases', text: `files of ${project.shown} that are no phases have changed` })
  for (const name of [...new Set([...Object.keys(recorded.files), ...Object.keys(present.files)])].sort()) {
    const [before, now] = [recorded.files[name], present.files[name]]
    if (name === OTHERS || before === now || (together && OTHERS in recorded.files !== OTHERS in present.files && phaseOf(name.split('/').at(-1) ?? '') === undefined)) continue
    const shown = shownPath(project, join(project.dir, name))
    changes.push({ what: 'phases', text: before === undefined ? `${shown} is new` : now === undefined ? `${shown} is no longer used` : `${shown} has changed` })
  }
  return changes.length > 0 ? changes : [{ what: 'phases', text: `what ${project.shown} consists of has changed` }]
}
