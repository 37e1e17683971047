/**
 * zx, loaded as CommonJS: it takes half the time of its ES modules, which wrap the same code.
 * The private parts of zx's promise that command.ts relies on are those of the pinned version.
 */
import { createRequire } from 'node:module'
import type * as Zx from 'zx/core'

export type { Options, ProcessOutput, ProcessPromise } from 'zx/core'

const library = createRequire(import.meta.url)('zx/core') as typeof Zx

export const { $: zx, ProcessOutput: ZxOutput, ProcessPromise: ZxPromise } = library
