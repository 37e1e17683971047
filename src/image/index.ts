/**
 * Base images on a hypervisor and the seeds of machines. Start with types.ts and ensure.ts; then cache.ts (what can be trusted),
 * download.ts, build.ts or pipeline-run.ts with steps/ (how an image gets there), and seed.ts (what a guest is told).
 */
export { debianArch, kernelArch } from './arch.ts'
export { checkImageSource, ensureImage, imageKey, inspectImage, plannedImage } from './ensure.ts'
export { purgeImages, removeWorkingFiles } from './purge.ts'
export { seedIso, type SeedSpec } from './seed.ts'
export { checkSteps, type ReadyStep } from './steps/check.ts'
export { imageStep, type ImageState, type StepContext, type StepDefinition, type StepOutlook } from './steps/types.ts'
export type { BaseImage, Boot, BuildSpec, DownloadSpec, ImageSpec, ImageStep, ImportModule, PipelineSpec, PlainSpec, SeedReader } from './types.ts'
