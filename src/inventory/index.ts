/** The inventory: files → hosts, groups, patterns, and the layers of each host's variables. Start with inventory.ts. */
export { loadInventory, Inventory, type InventoryOptions } from './inventory.ts'
export { type Warning } from './model.ts'
