/** The inventory: files → hosts, groups, patterns, and the layers of each host's variables. Start with inventory.ts. */
export { loadInventory, Inventory, type AddedHost, type InventoryOptions, type Shown } from './inventory.ts'
export { explainVariables, type ExplainedVariable } from './explain.ts'
export { type Warning } from './model.ts'
export { scopeFor, type ScopeLayers } from './scope.ts'
export { yamlText } from './yaml-text.ts'
