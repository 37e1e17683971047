/**
 * All that commands ask of the layers below, in one place: loaded only when asked for, so that `farm help` starts fast,
 * and replaceable as a whole in tests.
 */
import { dirname } from 'node:path'
import { formatLocation } from '../errors.ts'
import { packagedCode } from '../paths.ts'
import { shellQuote } from '../quote.ts'
import type { HostSpec } from '../host/index.ts'
import type { Check } from '../hypervisor/index.ts'
import type { ExplainedVariable, Inventory } from '../inventory/index.ts'
import type { MachineStatus, MatrixPlan } from '../machine/index.ts'
import type { LoadedRecipe, Step } from '../recipe/index.ts'
import type { Plan, PlanOptions, RunOptions } from '../run/index.ts'
import type { Layer, Scope, VarDescription } from '../vars/index.ts'
import type { OptionVariable } from './recipe-options.ts'

export type { Check, HostSpec, LoadedRecipe, MachineStatus, MatrixPlan, Plan, Step, VarDescription }

/** An inventory with what the command line lays under and over it. */
export interface Farm {
  readonly inventory: Inventory
  /** Below everything else: how hosts are reached where the inventory does not say. */
  readonly defaults: readonly Layer[]
  readonly extraVars: readonly Layer[]
  /** What is no error and should be said. */
  readonly warnings: readonly string[]
}

/** Machines that hypervisors told of, and hypervisors that told nothing. */
export interface Machines {
  readonly machines: readonly MachineStatus[]
  readonly unreachable: readonly { readonly host: string; readonly error: unknown }[]
}

/** What opens encrypted variables, each for the vaults of an id, or for all. */
export interface VaultKeys {
  readonly typed: readonly { readonly id: string | undefined; readonly password: string }[]
  readonly files: readonly { readonly id: string | undefined; readonly file: string }[]
}

/** What the command line says beside inventories and extra variables. */
export interface FarmExtras {
  /** Variables below all others. */
  readonly defaults: Readonly<Record<string, unknown>>
  /** Variables above all others, never treated as templates. */
  readonly passwords: Readonly<Record<string, string>>
  readonly vault: VaultKeys | undefined
  /** What options of a recipe's variables say: above `--extra-vars`. */
  readonly variables: readonly OptionVariable[]
}

/** What decides which tasks run on which hosts. */
export interface PlanRequest extends Pick<PlanOptions, 'limit' | 'tags' | 'skipTags' | 'startAt' | 'allowUnknownTags'> {
  /** `file` is undefined for what was never in one. */
  readonly recipe: Pick<LoadedRecipe, 'name' | 'recipes'> & Partial<Pick<LoadedRecipe, 'file'>>
}

/** What one run is to do. */
export interface RunRequest extends PlanRequest, Pick<RunOptions, 'run' | 'check' | 'forks' | 'forceHandlers' | 'sink' | 'signal' | 'lendTerminal'> {
  /** How the user calls farm again with the same inventory. */
  again(command: string): string
}

/** The layers below, as commands see them. Everything rejects with FarmErrors. */
export interface Engine {
  openFarm(sources: readonly string[], extraVars: readonly string[], extras: FarmExtras): Promise<Farm>
  /**
   * Names of hosts that a pattern and a limit select, in inventory order. Names that are neither a host nor a group are errors,
   * unless `lenient`: then they match nothing.
   */
  selectHosts(farm: Farm, pattern: string, limit: string | undefined, lenient?: boolean): Promise<readonly string[]>
  /** What `ansible-inventory --list` prints, of the hosts that are named or of all. */
  inventoryList(farm: Farm, hosts?: readonly string[]): Promise<unknown>
  /** What `ansible-inventory --host` prints: a host's variables as they are written. */
  hostVars(farm: Farm, host: string): Promise<Readonly<Record<string, unknown>>>
  hostSpec(farm: Farm, host: string): Promise<HostSpec>
  recipeNames(): Promise<readonly string[]>
  listRecipes(): Promise<readonly LoadedRecipe[]>
  findRecipe(name: string): Promise<LoadedRecipe>
  describeVars(recipe: LoadedRecipe): Promise<readonly VarDescription[]>
  /** What a run would do; reaches no host. */
  plan(farm: Farm, request: PlanRequest): Promise<Plan>
  run(farm: Farm, request: RunRequest): Promise<number>
  machines(farm: Farm, signal: AbortSignal): Promise<Machines>
  /** Where the machines of the matrix would run; asks the hypervisors and changes nothing. */
  dispatch(farm: Farm, options: { readonly limit: string | undefined; readonly only: readonly string[] | undefined }, signal: AbortSignal): Promise<MatrixPlan>
  /**
   * Runs a command (a login shell when undefined) in a machine on the caller's terminal; resolves with its exit code.
   * A single word is a line for the machine's shell; of several words each arrives as it is.
   */
  ssh(machine: MachineStatus, command: readonly string[] | undefined, signal: AbortSignal): Promise<number>
  console(machine: MachineStatus, signal: AbortSignal): Promise<number>
  doctor(farm: Farm, host: string, signal: AbortSignal): Promise<readonly Check[]>
  /** The lines of `ansible-inventory --graph`. */
  inventoryGraph(farm: Farm, group: string | undefined, options: { readonly vars: boolean; readonly hosts?: readonly string[] | undefined }): Promise<readonly string[]>
  /** What `ansible-inventory --yaml` prints: all hosts, those named, or the variables of one. */
  inventoryYaml(farm: Farm, options: { readonly host?: string | undefined; readonly hosts?: readonly string[] | undefined }): Promise<string>
  /** Every layer that sets a host's variables: those named, or all. */
  explainVars(farm: Farm, host: string, names: readonly string[]): Promise<readonly ExplainedVariable[]>
}

/**
 * Loads one layer.
 * Why apart: within a function that has `await using`, tsc 5.9 leaves the `.ts` of a dynamic import as it is.
 */
const load = {
  host: () => import('../host/index.ts'),
  hypervisor: () => import('../hypervisor/index.ts'),
  inventory: () => import('../inventory/index.ts'),
  machine: () => import('../machine/index.ts'),
  recipe: () => import('../recipe/index.ts'),
  run: () => import('../run/index.ts'),
  vars: () => import('../vars/index.ts'),
}

/**
 * The layers themselves. No `await using` in here: TypeScript 5.9 leaves the extensions of dynamic imports alone in a
 * function that it rewrites for it.
 */
export const layers: Engine = {
  async openFarm(sources, extraVars, { defaults, passwords, vault, variables }) {
    const [{ loadInventory }, { layerOf, parseExtraVars, Unsafe }] = await Promise.all([load.inventory(), load.vars()])
    if (vault !== undefined) await useVault(vault)
    const [inventory, parsed] = await Promise.all([loadInventory(sources, { cwd: process.cwd() }), parseExtraVars(extraVars, process.cwd())])
    const layer = (name: string, values: Readonly<Record<string, unknown>>): Layer[] => (Object.keys(values).length === 0 ? [] : [layerOf(name, values)])
    // A password is no template, whatever braces are in it.
    const typed = Object.fromEntries(Object.entries(passwords).map(([name, password]) => [name, new Unsafe(password)]))
    const warnings = inventory.warnings.map(({ message, location }) => (location === undefined ? message : `${formatLocation(location)}: ${message}`))
    const options = variables.map(({ option, name, value }) => layerOf(`the option ${option}`, { [name]: value }, { file: option }))
    return { inventory, defaults: layer('the command line', defaults), extraVars: [...parsed, ...options, ...layer('a password prompt', typed)], warnings }
  },
  selectHosts: ({ inventory }, pattern, limit, lenient = false) => Promise.resolve().then(() => inventory.select(pattern, limit, { unknown: lenient ? 'ignore' : 'refuse' })),
  inventoryList: ({ inventory, extraVars }, hosts) => Promise.resolve().then(() => inventory.toList({ extra: extraVars, hosts })),
  hostVars: ({ inventory, extraVars }, host) => Promise.resolve().then(() => inventory.toHost(host, extraVars)),
  async hostSpec(farm, host) {
    const [{ connectionVars, hostSpec }, scope] = await Promise.all([load.host(), scopeOf(farm, host)])
    return hostSpec(host, connectionVars(scope))
  },
  async recipeNames() {
    return (await load.recipe()).recipeNames()
  },
  async listRecipes() {
    return (await load.recipe()).listRecipes()
  },
  async findRecipe(name) {
    return (await load.recipe()).findRecipe(name)
  },
  async describeVars(recipe) {
    const [{ describeVars }, { varsOf }] = await Promise.all([load.vars(), load.recipe()])
    return describeVars(await varsOf(recipe))
  },
  async plan({ inventory, defaults, extraVars }, { recipe, ...request }) {
    const { planRun } = await load.run()
    const { name, recipes } = recipe
    readVarsBeside(inventory, recipe)
    return planRun({ name, recipes, inventory, defaults, extraVars, ...request })
  },
  async run({ inventory, defaults, extraVars }, { recipe, ...request }) {
    const { runRecipes } = await load.run()
    const { name, recipes } = recipe
    readVarsBeside(inventory, recipe)
    return runRecipes({ name, recipes, inventory, defaults, extraVars, projectDir: process.cwd(), ...request })
  },
  async machines({ inventory, extraVars }, signal) {
    return (await load.machine()).machinesOf(inventory, extraVars, signal)
  },
  async dispatch({ inventory, extraVars }, options, signal) {
    const [{ planInventory }, { importFile }] = await Promise.all([load.machine(), load.recipe()])
    return planInventory(inventory, { ...options, extraVars, importModule: importFile, projectDir: process.cwd(), signal })
  },
  async ssh(machine, command, signal) {
    const { openGuest } = await load.machine()
    await using guest = await openGuest(machine, signal)
    return await guest.interactive(command === undefined || command.length === 1 ? command?.[0] : command.map(shellQuote).join(' '))
  },
  async console(machine, signal) {
    return (await load.machine()).openConsole(machine, signal)
  },
  async doctor({ inventory, extraVars }, host, signal) {
    const [{ hostAccess }, { doctor }] = await Promise.all([load.machine(), load.hypervisor()])
    const access = hostAccess(inventory, host, extraVars)
    const { connection, host: bound } = await access.open(signal)
    try {
      return await doctor(bound, access.libvirtUri)
    } finally {
      await connection.close()
    }
  },
  inventoryGraph: ({ inventory, extraVars }, group, { vars, hosts }) => Promise.resolve().then(() => inventory.toGraph(group, { vars, hosts, extra: extraVars })),
  async inventoryYaml({ inventory, extraVars }, { host, hosts }) {
    const { yamlText } = await load.inventory()
    return yamlText(host === undefined ? inventory.toTree({ extra: extraVars, hosts }) : inventory.toHostTree(host, extraVars))
  },
  async explainVars({ inventory, defaults, extraVars }, host, names) {
    const { explainVariables } = await load.inventory()
    return explainVariables(inventory, host, names, { defaults, extra: extraVars })
  },
}

async function useVault({ typed, files }: VaultKeys): Promise<void> {
  const { useKeyring, VaultKeyring } = await load.vars()
  const keyring = new VaultKeyring(process.env)
  for (const { id, password } of typed) keyring.add(password, id)
  for (const { id, file } of files) keyring.addFile(file, { id })
  useKeyring(keyring)
}

async function scopeOf({ inventory, defaults, extraVars }: Farm, host: string): Promise<Scope> {
  return (await load.inventory()).scopeFor(inventory, host, { defaults, extra: extraVars })
}

/** Variables beside a recipe of the user's count as well. Those that ship with farm have none. */
function readVarsBeside(inventory: Inventory, { file }: Partial<Pick<LoadedRecipe, 'file'>>): void {
  if (file !== undefined && !file.startsWith(packagedCode('recipes'))) inventory.readVarsBeside(dirname(file))
}
