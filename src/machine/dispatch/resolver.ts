/** An entry's definitions on many hypervisors: resolved anew only where a fact that the definition reads is another one. */
import type { DefinitionFacts, MachineDefinition, MatrixEntry } from '../definitions/index.ts'

/** Resolves an entry with a hypervisor's facts. */
export type ResolveEntry = (entry: MatrixEntry, facts: DefinitionFacts) => Promise<MachineDefinition>

interface Known {
  readonly by: ResolveEntry
  /** The facts that were read, and what they were. */
  readonly read: ReadonlyMap<keyof DefinitionFacts, unknown>
  readonly definition: MachineDefinition
}

export class Resolver {
  readonly #entry: MatrixEntry
  readonly #known: Known[] = []

  constructor(entry: MatrixEntry) {
    this.#entry = entry
  }

  /** One after the other: what one call finds out, the next need not. */
  async resolve(by: ResolveEntry, facts: DefinitionFacts): Promise<MachineDefinition> {
    const known = this.#known.find((one) => one.by === by && [...one.read].every(([fact, value]) => facts[fact] === value))
    if (known !== undefined) return known.definition
    const read = new Map<keyof DefinitionFacts, unknown>()
    const definition = await by(this.#entry, watched(facts, read))
    this.#known.push({ by, read, definition })
    return definition
  }
}

/** The facts, with a note of each that is read. Accessors are enumerable, so that a copy reads, and notes, all of them. */
function watched(facts: DefinitionFacts, read: Map<keyof DefinitionFacts, unknown>): DefinitionFacts {
  const accessors = (Object.keys(facts) as (keyof DefinitionFacts)[]).map((fact) => [fact, {
    enumerable: true,
    get: () => {
      read.set(fact, facts[fact])
      return facts[fact]
    },
  }] as const)
  return Object.defineProperties({}, Object.fromEntries(accessors)) as DefinitionFacts
}
