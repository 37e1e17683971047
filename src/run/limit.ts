/** `--limit` in a run: what it means for hosts of the inventory, and for those that come to be meanwhile. */
import { FarmError } from '../errors.ts'
import type { SplitLimit } from '../inventory/index.ts'
import type { Recipe } from '../recipe/index.ts'
import type { PlanOptions } from './types.ts'

/**
 * Selects the hosts of each recipe. Where a recipe may add hosts, a limit is two: what selects something when the run begins narrows
 * the hosts that are known by then, and the rest of it narrows those that come to be; what is excluded is excluded from both.
 */
export class RunLimit {
  readonly #inventory: PlanOptions['inventory']
  readonly #limit: string | undefined
  readonly #known: ReadonlySet<string>
  readonly #split: SplitLimit | undefined

  /** @throws InputError for a limit that cannot be read */
  constructor({ inventory, limit, recipes }: Pick<PlanOptions, 'inventory' | 'limit' | 'recipes'>) {
    this.#inventory = inventory
    this.#limit = limit
    this.#known = new Set(inventory.hosts)
    this.#split = limit !== undefined && recipes.some((recipe) => recipe.addsHosts) ? inventory.splitLimit(limit) : undefined
  }

  /**
   * The hosts of a recipe, in order. `first`: it is the first of its run, before which no host or group can have come to be, so that
   * unknown names are mistakes.
   * @throws InputError
   */
  hostsOf(recipe: Recipe, first: boolean): string[] {
    const unknown = first ? 'refuse' : 'ignore'
    if (this.#split !== undefined) {
      const { present, coming } = this.#split
      const [old, young] = [present, coming].map((elements) => new Set(this.#inventory.select('all', elements, { unknown: 'ignore', empty: true })))
      return this.#inventory.select(recipe.hosts, undefined, { unknown }).filter((host) => (this.#known.has(host) ? old : young)?.has(host) === true)
    }
    try {
      return this.#inventory.select(recipe.hosts, this.#limit, { unknown })
    } catch (error) {
      if (this.#limit === undefined || !(error instanceof FarmError) || error.code !== 'no-hosts') throw error
      // A limit that leaves nothing of this recipe is fine; one that leaves nothing at all is a mistake.
      if (this.#inventory.select('all', this.#limit, { unknown, empty: true }).length > 0) return []
      throw error
    }
  }

  /** Names in the limit that, after all, no host and no group has. */
  strangers(): readonly string[] {
    const names = this.#split?.coming.filter((element) => !element.startsWith('!')) ?? []
    return names.filter((element) => this.#inventory.select('all', [element], { unknown: 'ignore', empty: true }).length === 0)
  }

  /** Whether a host that is still to be added, to these groups, would be left by the limit. */
  leaves(host: string, groups: readonly string[]): boolean {
    return this.#limit === undefined || this.#inventory.wouldSelect(this.#split?.coming ?? this.#limit, host, groups)
  }
}
