/** The door of the lab: hypervisor hosts made of namespaces, images to serve them, and faults to try them with. */
export { Lab, LAN, type LabOptions } from './lab.ts'
export { CHECKOUT } from './host-setup.ts'
export type { LabHost } from './host.ts'
export { diffFootprints, type Footprint } from './footprint.ts'
export { run, must, start, until, finished, type Result, type RunOptions } from './process.ts'
export { aptRepo, PROJECT_PACKAGES, VDE_SOURCE, type AptRepo, type AptRepoOptions, type SourcePackage } from './apt-repo.ts'
export { HttpServer, type Fault, type Served } from './http.ts'
