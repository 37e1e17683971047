/** farm's version, as package.json has it. */
import { readFileSync } from 'node:fs'
import { packaged } from '../paths.ts'

/** E.g. `0.1.0`. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(packaged('package.json'), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
}
