/** Machines: what a cluster consists of, how its members are defined, awaited, listed and logged in to. */
export { overlaps, planCluster, poolDir, poolName, type ClusterPlan, type MachinePlan, type NetworkPlan } from './cluster.ts'
export { machineUuid, renderDomain, renderNetwork, type DefinitionInput } from './definition.ts'
export { connectGuest, type GuestAddress } from './guest.ts'
export { caCertificate, existingKey, loginKey, ownIdentityFile, type LoginKey } from './keys.ts'
export { hostAccess, machinesOf, openConsole, openGuest, type HostAccess, type MachineStatus, type Unreachable } from './status.ts'
export { clusterVars, parseSize, unprovisionVars, type ClusterVars, type UnprovisionVars } from './vars.ts'
export { awaitLogins, type AwaitedMachine, type WaitOptions } from './wait.ts'
