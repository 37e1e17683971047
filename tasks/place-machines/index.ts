/** Role: what every hypervisor can do is found out, each by itself; then every machine of the matrix gets its place. */
export { concludePlacement } from './conclude.ts'
export { placeMachines } from './place.ts'
export { probeHypervisor } from './probe.ts'
