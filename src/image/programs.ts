/** Programs of the hypervisor that making an image needs, looked for before anything is begun. */
import { TaskError } from '../errors.ts'
import type { Host } from '../host/index.ts'

/** Debian's packages of programs that are not called like them. */
const PACKAGES: Readonly<Record<string, string>> = {
  'mkfs.ext4': 'e2fsprogs', debugfs: 'e2fsprogs', 'qemu-img': 'qemu-utils', 'qemu-io': 'qemu-utils', sfdisk: 'fdisk',
  xz: 'xz-utils', 'virt-customize': 'libguestfs-tools',
}

/**
 * Sees that all these programs are there. One query, or none.
 * @param what - what needs them, e.g. `building an image`
 * @param otherwise - what else the user can do
 * @throws TaskError `code`
 */
export async function needPrograms(host: Host, names: readonly string[], what: string, { code = 'program-missing', otherwise }: { readonly code?: string; readonly otherwise?: string | undefined } = {}): Promise<void> {
  if (names.length === 0) return
  const { stdout } = await host.query`for program in ${[...new Set(names)]}; do command -v "$program" >/dev/null || echo "$program"; done`
  const missing = stdout.trim().split('\n').filter(Boolean)
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((name) => PACKAGES[name] ?? name))]
  throw new TaskError(code, `${what} needs ${missing.join(', ')}`, { host: host.name, hint: `install it, e.g. apt-get install ${packages.join(' ')}${otherwise === undefined ? '' : `; or ${otherwise}`}` })
}
