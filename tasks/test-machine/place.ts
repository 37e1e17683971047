/** Where the tasks of a machine work: most on its hypervisor, the phases in the guest itself. */
import type { Variables } from '../../src/recipe/index.ts'

/** The variable that names the hypervisor of a machine: its connection leads through it. */
export const VIA = 'farm_via'

/** For `delegateTo`. */
export function onHypervisor({ variables }: { readonly variables: Variables }): string {
  return String(variables.get(VIA))
}
