/** Role: everything that can be known to fail is found before anything is changed. */
export { checkHost } from './check-host.ts'
export { checkImage } from './check-image.ts'
export { checkNames } from './check-names.ts'
