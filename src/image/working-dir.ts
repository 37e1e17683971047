/**
 * The directory on a hypervisor for downloads under way. It may stand where everybody can write, under a name that everybody knows:
 * so it has to be the current user's, and so has every file in it that is built upon.
 */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { InputError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'

/** The file that says that farm has made the directory, and may remove it. */
export const MARKER = '.farm'

/** The name of an unfinished download: the same for the same address in every run, and another for another. */
export function partName(url: string, name: string): string {
  const readable = name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 60)
  return `farm-${readable}-${createHash('sha256').update(url).digest('hex').slice(0, 12)}.part`
}

/** Whether a name in the directory is one that `partName` gives. */
export function isPartName(name: string): boolean {
  return /^farm-[A-Za-z0-9._-]+\.part$/.test(name)
}

/**
 * Sees that nobody else rules over the directory; one that is not there yet is fine. One query.
 * @throws InputError working-dir
 */
export async function checkWorkingDir(host: Host, dir: string): Promise<void> {
  // A link counts as its maker's: whoever owns it can let it point elsewhere.
  const { stdout } = await host.query`
    dir=${dir}
    if [ ! -e "$dir" ] && [ ! -L "$dir" ]; then exit 0; fi
    if [ ! -d "$dir" ]; then echo 'is not a directory'; exit 0; fi
    if [ ! -O "$dir" ]; then echo "belongs to $(stat -L -c %U "$dir"), not to $(id -un)"
    elif [ "$(stat -c %u "$dir")" != "$(id -u)" ]; then echo "is a link of $(stat -c %U "$dir"), not of $(id -un)"; fi`
  const reason = stdout.trim()
  if (reason !== '') throw new InputError('working-dir', `the working directory ${dir} ${reason}`, { host: host.name, hint: 'set vm_working_dir to a directory that is yours, or to one that does not exist yet' })
}

/**
 * Makes the directory where there is none: closed to others, and marked as farm's.
 * @throws InputError working-dir when there is one of somebody else.
 */
export async function openWorkingDir(host: Host, $: Shell, dir: string): Promise<void> {
  await $`
    umask 022
    mkdir -p ${posix.dirname(dir)}
    if [ ! -e ${dir} ] && [ ! -L ${dir} ]; then
      mkdir -m 700 ${dir}
      : > ${posix.join(dir, MARKER)}
    fi`
  await checkWorkingDir(host, dir)
}

/** Removes what is in the place of an unfinished download and is not a plain file of the current user's alone. */
export async function clearForeignPart($: Shell, part: string): Promise<void> {
  // Through a link, of either kind, somebody else would choose what is overwritten.
  await $`
    part=${part}
    if [ -L "$part" ] || [ -e "$part" ]; then
      if [ -L "$part" ] || [ ! -f "$part" ] || [ ! -O "$part" ] || [ "$(stat -c %h "$part")" != 1 ]; then rm -rf -- "$part"; fi
    fi`
}
