/** Where no machine could be placed there is no second part that would tell of it. */
import type { PlacementVars } from '../../src/machine/index.ts'
import type { Conclusion } from '../../src/recipe/index.ts'
import { farmState } from '../shared/farm-state.ts'
import { table, unplacedResults } from '../test-machine/table.ts'

export function concludePlacement(conclusion: Conclusion<PlacementVars>): void {
  const state = farmState(conclusion)
  if (state.machines.size > 0 || state.unplaced.length === 0) return
  const results = unplacedResults(state)
  conclusion.result(table(results, conclusion.check), { machines: results })
}
