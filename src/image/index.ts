/**
 * Base images on a hypervisor and the seeds of machines. Start with types.ts and ensure.ts; then cache.ts (what can be trusted),
 * download.ts or build.ts (how an image gets there), and seed.ts (what a guest is told).
 */
export { checkImageSource, ensureImage, inspectImage, plannedImage } from './ensure.ts'
export { imageKey } from './key.ts'
export { purgeImages, removeWorkingFiles } from './purge.ts'
export { seedIso, type SeedSpec } from './seed.ts'
export type { BaseImage, Boot, BuildSpec, DownloadSpec, ImageSpec, SeedReader } from './types.ts'
