/** Packages: there, the newest there are, or gone, whichever package manager the host has. */
import { z } from 'zod'
import { InputError, TaskError } from '../errors.ts'
import { factsOf } from '../host/index.ts'
import { changeScript, DRIVERS, MANAGER_PROGRAMS, type PackageManager } from './package-managers.ts'
import { primitive } from './primitive.ts'
import { byKind, commandLine, enumerate, runScript } from './script.ts'

const spec = z.string().regex(/^[\w@][\w@.+~:-]*(=[\w.+~:*-]+)?$/, 'not a package: write name or name=version (a file or URL cannot be installed)')
const specs = z.union([spec, z.array(spec)]).transform((value) => [value].flat())
const MANAGERS = Object.keys(MANAGER_PROGRAMS) as [PackageManager, ...PackageManager[]]

const schema = z
  .strictObject({
    name: z
      .union([specs, z.partialRecord(z.enum(MANAGERS), specs)])
      .describe('a package, a list of them, or lists by package manager ({ apt: [...], dnf: [...] }); name=version asks for that version'),
    state: z.enum(['present', 'latest', 'absent']).default('present').describe('latest also upgrades what is there'),
    update: z.boolean().optional().describe('fresh package lists first: true always, false never; when not given, only when something is to be installed that the lists do not know or when they are older than cacheValid'),
    cacheValid: z.number().int().nonnegative().default(86_400).describe('seconds for which package lists are fresh enough (apt)'),
    recommends: z.boolean().default(false).describe('install what packages merely recommend, too'),
    purge: z.boolean().default(false).describe('with absent: remove configuration files, too (apt)'),
    lockTimeout: z.number().int().nonnegative().default(120).describe('seconds to wait while another process works on packages'),
    manager: z.enum(MANAGERS).optional().describe("the host's own when not given"),
  })
  .refine(({ purge, state }) => !purge || state === 'absent', { path: ['purge'], error: 'goes with state absent alone' })

/** A package as it is wanted. */
interface Wanted {
  readonly name: string
  readonly version: string | undefined
}

/** What a manager said. */
export interface PackageState {
  readonly have: ReadonlyMap<string, string>
  readonly candidates: ReadonlyMap<string, string>
  /** Names that are no packages, but what installed packages provide. */
  readonly provided: ReadonlySet<string>
  /** Removed packages of which configuration files are left. */
  readonly rest: ReadonlySet<string>
  /** Seconds since the lists were fetched, where that is known. */
  readonly age: number | undefined
}

/** Reads what a manager's script printed. */
export function parsePackages(text: string): PackageState {
  const of = byKind(text)
  const pairs = (kind: string): Map<string, string> => new Map(of(kind).map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']))
  // dpkg: `awk, libc6-dev (= 1.2)`.
  const provides = of('provides').flatMap((line) => line.replace(/^installed /, '').split(',').map((name) => name.trim().split(' ')[0] ?? ''))
  const age = of('age')[0]
  return { have: pairs('have'), candidates: pairs('candidate'), provided: new Set([...of('provided'), ...provides]), rest: new Set(of('rest')), age: age === undefined ? undefined : Number(age) }
}

/** What is to be done, by comparing. */
export interface PackagePlan {
  readonly install: readonly Wanted[]
  readonly upgrade: readonly Wanted[]
  readonly remove: readonly Wanted[]
}

/** Compares; a pure function. */
export function planPackages(wanted: readonly Wanted[], state: 'present' | 'latest' | 'absent', present: PackageState, purge: boolean): PackagePlan {
  const there = (name: string): boolean => present.have.has(name) || present.provided.has(name)
  if (state === 'absent') {
    // Only packages can be removed, not what some package provides.
    return { install: [], upgrade: [], remove: wanted.filter(({ name }) => present.have.has(name) || (purge && present.rest.has(name))) }
  }
  const install = wanted.filter(({ name, version }) => (version === undefined ? !there(name) : !fits(present.have.get(name), version)))
  const newer = ({ name, version }: Wanted): boolean => {
    const [have, candidate] = [present.have.get(name), present.candidates.get(name)]
    return version === undefined && have !== undefined && candidate !== undefined && candidate !== have
  }
  return { install, upgrade: state === 'latest' ? wanted.filter(newer) : [], remove: [] }
}

/** A version fits itself, its beginning before a `*`, and itself without the packager's release (rpm, pacman and apk: `1.2` fits `1.2-3`). */
function fits(have: string | undefined, wanted: string): boolean {
  if (have === undefined) return false
  if (wanted.endsWith('*')) return have.startsWith(wanted.slice(0, -1))
  return have === wanted || have.replace(/-[^-]*$/, '') === wanted
}

/** Packages that are there or not. */
export const packages = primitive({
  name: 'package',
  description: 'Packages of the distribution, by its own package manager.',
  schema,
  async run({ host }, { name, state, update, cacheValid, recommends, purge, lockTimeout, manager: chosen }) {
    const manager = chosen ?? (await factsOf(host)).packageManager
    if (manager === undefined) throw new TaskError('no-package-manager', `farm knows no package manager of ${host.name}`, { host: host.name, hint: `it looks for ${enumerate(Object.values(MANAGER_PROGRAMS))}` })
    const list = Array.isArray(name) ? name : name[manager]
    if (list === undefined) throw new InputError('package-manager', `ensure.package: name says nothing for ${manager}, the package manager of ${host.name}`, { host: host.name, hint: `add ${manager}: [...]; an empty list means that nothing is needed there` })
    const wanted = [...new Set(list)].map((entry): Wanted => {
      const [first = '', version] = entry.split('=')
      return { name: first, version }
    })
    if (wanted.length === 0) return { changed: false }
    const driver = DRIVERS[manager]
    if (state !== 'absent' && driver.pin === undefined && wanted.some(({ version }) => version !== undefined)) throw new InputError('package-version', `ensure.package: ${manager} cannot install a version by its number`, { host: host.name })

    const names = wanted.map((one) => one.name)
    const read = async (refresh: boolean): Promise<PackageState> => {
      const script = `latest=${state === 'latest' ? 1 : 0}\n${refresh && !host.check ? `{ ${driver.refresh(lockTimeout)}; } >/dev/null\n` : ''}${driver.read}`
      return parsePackages(await runScript(host.query, host, script, { what: `ask ${manager} about ${enumerate(names)}`, args: names }))
    }
    // Lists are no more than a memory of what is elsewhere: to fetch them is to look, and no change.
    let fresh = update === true && state === 'latest'
    let present = await read(fresh)
    const old = present.age !== undefined && present.age > cacheValid
    if (!fresh && state === 'latest' && update === undefined && (old || present.age === undefined) && !host.check) {
      fresh = true
      present = await read(true)
    }
    const plan = planPackages(wanted, state, present, purge)
    const { install, upgrade, remove } = plan
    if (install.length + upgrade.length + remove.length === 0) return { changed: false }
    const unknown = manager === 'apt' && install.some((one) => !present.candidates.has(one.name))
    const refresh = fresh || update === false ? 'never' : update === true || old || unknown ? 'first' : 'on-failure'
    const options = { recommends, purge, lockTimeout, refresh } as const
    const change = { summary: summaryOf(plan, present), diff: { title: `packages (${manager})`, ...sides(plan, present) } }
    await host.change(change, ($) => {
      const pinned = (one: Wanted): string => (one.version === undefined ? one.name : (driver.pin?.(one.name, one.version) ?? one.name))
      const steps = [
        { action: 'remove', list: remove.map((one) => one.name) },
        { action: 'install', list: install.map(pinned) },
        // apt and pacman upgrade what they are told to install.
        { action: manager === 'apt' || manager === 'pacman' ? 'install' : 'upgrade', list: upgrade.map((one) => one.name) },
      ] as const
      const script = steps.filter((step) => step.list.length > 0).map((step, index) => `${commandLine(['set', '--', ...step.list])}\n${changeScript(manager, step.action, index === 0 ? options : { ...options, refresh: 'never' })}`)
      return runScript($, host, script.join('\n'), { what: change.summary, hint: hintFor })
    })
    return { changed: true }
  },
})

function label({ name, version }: Wanted): string {
  return version === undefined ? name : `${name} ${version}`
}

function summaryOf({ install, upgrade, remove }: PackagePlan, { have, candidates }: PackageState): string {
  const parts = [
    remove.length > 0 ? `remove ${enumerate(remove.map((one) => one.name))}` : '',
    install.length > 0 ? `install ${enumerate(install.map(label))}` : '',
    upgrade.length > 0 ? `upgrade ${enumerate(upgrade.map(({ name }) => `${name} (${have.get(name)} to ${candidates.get(name)})`))}` : '',
  ]
  return parts.filter((part) => part !== '').join('; ')
}

function sides({ install, upgrade, remove }: PackagePlan, { have, candidates }: PackageState): { before: string; after: string } {
  const all = [...install, ...upgrade, ...remove].map((one) => one.name).toSorted()
  const after = (name: string): string => {
    if (remove.some((one) => one.name === name)) return 'absent'
    return install.find((one) => one.name === name)?.version ?? candidates.get(name) ?? 'present'
  }
  return { before: all.map((name) => `${name} ${have.get(name) ?? 'absent'}\n`).join(''), after: all.map((name) => `${name} ${after(name)}\n`).join('') }
}

function hintFor(stderr: string): string | undefined {
  if (/unable to locate package|no match for argument|target not found|not found in package names|no such package|has no installation candidate/i.test(stderr)) return 'the name may differ on this distribution: name can be given by package manager, { apt: [...], dnf: [...] }'
  if (/could not get lock|unable to lock|db\.lck/i.test(stderr)) return 'another process works on packages; lockTimeout says how long to wait for it'
  if (/dpkg was interrupted/i.test(stderr)) return 'run dpkg --configure -a on the host'
  return undefined
}
