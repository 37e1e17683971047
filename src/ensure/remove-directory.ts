/** Removing a directory with all that it contains, and the ones that nobody removes. */
import { InputError, TaskError } from '../errors.ts'
import type { Host } from '../host/index.ts'
import type { Ensured } from './primitive.ts'

/** Directories of the system, after the Filesystem Hierarchy Standard (https://refspecs.linuxfoundation.org/FHS_3.0/fhs-3.0.html), and those that distributions add. */
const SYSTEM = /^\/(|bin|boot|dev|etc|home|lib\d*|libx32|lost\+found|media|mnt|nix|opt|proc|root|run|sbin|snap|srv|sys|tmp|usr|var|boot\/(efi|grub2?)|usr\/(bin|sbin|lib\d*|libexec|include|share|local|src)|usr\/local\/(bin|sbin|lib|share|etc)|var\/(lib|log|cache|tmp|spool|run|opt|mail|lock|local|backups)|etc\/(ssh|apt|systemd|default|pam\.d|sudoers\.d|init\.d)|(dev|proc|sys)\/.*)$/

/** Entries up to which the summary tells their number. */
const COUNTED = 10_000

/** Whether a directory belongs to the system rather than to whoever asks for its removal. */
export function isSystemDirectory(path: string): boolean {
  return SYSTEM.test(path)
}

/** Removes a directory; of a link to one, the link. Refuses directories of the system and those in which something is mounted. */
export async function removeDirectory(host: Host, path: string): Promise<Ensured> {
  refuse(host, path)
  const output = await host.query`
    path=${path}
    if [ -L "$path" ]; then echo link; exit 0; fi
    [ -e "$path" ] || exit 0
    [ -d "$path" ] || { echo file; exit 0; }
    cd "$path"; pwd -P; echo /
    { find . | head -n ${COUNTED + 1} | wc -l; } 2>/dev/null
    cut -d ' ' -f 2 /proc/mounts 2>/dev/null || :`.text()
  if (output === '') return { changed: false }
  if (output === 'file\n') throw new TaskError('file-type', `${path} is not a directory`, { host: host.name, hint: 'ensure.file with state absent removes files' })
  let summary = `remove ${path}`
  if (output !== 'link\n') {
    // The line after the path cannot be part of it: no path ends with a slash.
    const end = output.indexOf('\n/\n')
    const real = output.slice(0, end)
    refuse(host, real)
    const [count = '0', ...mounts] = output.slice(end + 3).trim().split('\n')
    const mounted = mounts.map(unescape).find((mount) => mount === real || mount.startsWith(`${real}/`))
    if (mounted !== undefined) throw new TaskError('directory-mounted', `${path} is not removed: something is mounted on ${mounted}`, { host: host.name, hint: `umount ${mounted} first` })
    const entries = Number(count) - 1
    if (entries > 0) summary += ` with ${entries >= COUNTED ? `more than ${COUNTED}` : entries} ${entries === 1 ? 'entry' : 'entries'} in it`
  }
  await host.change({ summary, diff: { title: path, before: output === 'link\n' ? 'link\n' : 'directory\n', after: '' } }, ($) => $`rm -rf ${path}`)
  return { changed: true }
}

function refuse(host: Host, path: string): void {
  if (isSystemDirectory(path)) throw new InputError('directory-system', `${path} belongs to the system and is not removed`, { host: host.name, hint: 'name the directories in it that shall go' })
}

/** Blanks and backslashes in /proc/mounts are written in octal, see proc_pid_mounts(5). */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
