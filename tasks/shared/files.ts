/** Questions about files on a host. */
import type { Host } from '../../src/host/index.ts'

/** Those of the files that exist, in their order. */
export async function existingFiles(host: Host, files: readonly string[]): Promise<string[]> {
  const { stdout } = await host.query`for file in ${[...files]}; do if [ -e "$file" ]; then echo "$file"; fi; done`
  return stdout.split('\n').filter((file) => file !== '')
}
