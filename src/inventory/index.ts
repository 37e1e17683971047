/** The inventory: files → hosts, groups, patterns, and the layers of each host's variables. Start with load.ts and inventory.ts. */
export { Inventory, type AddedHost, type Shown } from './inventory.ts'
export { loadInventory, type InventoryOptions } from './load.ts'
export { type SplitLimit } from './pattern.ts'
export { explainVariables, type ExplainedVariable } from './explain.ts'
export { type Warning } from './model.ts'
export { scopeFor, type ScopeLayers } from './scope.ts'
export { yamlText } from './yaml-text.ts'
