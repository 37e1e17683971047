/**
 * All that commands ask of the layers below, in one place: loaded only when asked for, so that `farm help` starts fast,
 * and replaceable as a whole in tests.
 */
import { formatLocation } from '../errors.ts'
import type { EventSink } from '../events.ts'
import { shellQuote } from '../quote.ts'
import type { HostSpec } from '../host/index.ts'
import type { Check } from '../hypervisor/index.ts'
import type { Inventory } from '../inventory/index.ts'
import type { MachineStatus } from '../machine/index.ts'
import type { LoadedRecipe, Recipe } from '../recipe/index.ts'
import type { Layer, Scope, VarDescription } from '../vars/index.ts'

export type { Check, HostSpec, LoadedRecipe, MachineStatus, VarDescription }

/** An inventory with what the command line lays over it. */
export interface Farm {
  readonly inventory: Inventory
  readonly extraVars: readonly Layer[]
  /** What is no error and should be said. */
  readonly warnings: readonly string[]
}

/** Machines that hypervisors told of, and hypervisors that told nothing. */
export interface Machines {
  readonly machines: readonly MachineStatus[]
  readonly unreachable: readonly { readonly host: string; readonly error: unknown }[]
}

/** What one run is to do. */
export interface RunRequest {
  readonly recipe: LoadedRecipe
  readonly hosts: readonly string[]
  readonly check: boolean
  readonly forks: number
  readonly sink: EventSink
  readonly signal: AbortSignal
  /** How the user calls farm again with the same inventory. */
  again(command: string): string
}

/** The layers below, as commands see them. Everything rejects with FarmErrors. */
export interface Engine {
  openFarm(sources: readonly string[], extraVars: readonly string[]): Promise<Farm>
  /** Names of hosts that a pattern and a limit select, in inventory order. */
  selectHosts(farm: Farm, pattern: string, limit: string | undefined): Promise<readonly string[]>
  /** What `ansible-inventory --list` prints. */
  inventoryList(farm: Farm): Promise<unknown>
  /** What `ansible-inventory --host` prints: a host's variables as they are written. */
  hostVars(farm: Farm, host: string): Promise<Readonly<Record<string, unknown>>>
  hostSpec(farm: Farm, host: string): Promise<HostSpec>
  recipeNames(): Promise<readonly string[]>
  listRecipes(): Promise<readonly LoadedRecipe[]>
  findRecipe(name: string): Promise<LoadedRecipe>
  describeVars(recipe: Recipe): Promise<readonly VarDescription[]>
  run(farm: Farm, request: RunRequest): Promise<number>
  machines(farm: Farm, signal: AbortSignal): Promise<Machines>
  /**
   * Runs a command (a login shell when undefined) in a machine on the caller's terminal; resolves with its exit code.
   * A single word is a line for the machine's shell; of several words each arrives as it is.
   */
  ssh(machine: MachineStatus, command: readonly string[] | undefined, signal: AbortSignal): Promise<number>
  console(machine: MachineStatus, signal: AbortSignal): Promise<number>
  doctor(farm: Farm, host: string, signal: AbortSignal): Promise<readonly Check[]>
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
  async openFarm(sources, extraVars) {
    const [{ loadInventory }, { parseExtraVars }] = await Promise.all([load.inventory(), load.vars()])
    const [inventory, parsed] = await Promise.all([loadInventory(sources, { cwd: process.cwd() }), parseExtraVars(extraVars, process.cwd())])
    const warnings = inventory.warnings.map(({ message, location }) => (location === undefined ? message : `${formatLocation(location)}: ${message}`))
    return { inventory, extraVars: parsed, warnings }
  },
  selectHosts: ({ inventory }, pattern, limit) => Promise.resolve().then(() => inventory.select(pattern, limit)),
  inventoryList: ({ inventory, extraVars }) => Promise.resolve().then(() => inventory.toList(extraVars)),
  hostVars: ({ inventory, extraVars }, host) => Promise.resolve().then(() => inventory.toHost(host, extraVars)),
  async hostSpec(farm, host) {
    const [{ hostSpec }, { CONNECTION_VARS }, scope] = await Promise.all([load.host(), load.machine(), scopeOf(farm, host)])
    return hostSpec(host, Object.fromEntries(CONNECTION_VARS.filter((name) => scope.has(name)).map((name) => [name, scope.get(name)])))
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
    return (await load.vars()).describeVars(recipe.vars)
  },
  async run({ inventory, extraVars }, { recipe: { name, recipe }, ...request }) {
    const { runRecipe } = await load.run()
    return runRecipe({ name, recipe, inventory, extraVars, projectDir: process.cwd(), ...request })
  },
  async machines({ inventory, extraVars }, signal) {
    return (await load.machine()).machinesOf(inventory, extraVars, signal)
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
}

async function scopeOf({ inventory, extraVars }: Farm, host: string): Promise<Scope> {
  const { Scope: Variables } = await load.vars()
  return new Variables([...inventory.layers(host), ...extraVars])
}
