/** What recipes import: `import { recipe, task, z } from 'farm'`. */
export { z } from 'zod'
export * from './recipe/api.ts'
