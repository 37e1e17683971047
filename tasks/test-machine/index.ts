/** Role: one machine's life, from what there is of it to its power off. The tasks stand in the order in which they run. */
export { look } from './look.ts'
export { getImage, makeMachine } from './make.ts'
export { phase } from './phases.ts'
export { leave, shutdown, startup, waitForGuest } from './power.ts'
export { createClean, createInit, restoreClean, restoreInit } from './snapshots.ts'
export { concludeMachines } from './table.ts'
