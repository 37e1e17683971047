/** The variables of a host, as everything above the inventory reads them. */
import { Scope, type Layer } from '../vars/index.ts'
import type { Inventory } from './inventory.ts'

/** Layers that do not come from the inventory; each list is lowest first. */
export interface ScopeLayers {
  /** Below everything: what the command line says of connections. */
  readonly defaults?: readonly Layer[] | undefined
  /** Above the inventory: facts, and what tasks have set. */
  readonly above?: readonly Layer[] | undefined
  /** Above everything: `--extra-vars`. */
  readonly extra?: readonly Layer[] | undefined
}

/** Stacks a host's layers in the documented order. @throws InputError for a name that is no host. */
export function scopeFor(inventory: Inventory, host: string, { defaults = [], above = [], extra = [] }: ScopeLayers = {}): Scope {
  return new Scope([...defaults, ...inventory.layers(host), ...above, ...extra])
}
