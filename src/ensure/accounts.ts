/** What users and groups have in common: names, numbers, and the two families of tools that manage them. */
import { z } from 'zod'

/** A name that useradd, adduser and the files take. */
export const accountName = z.string().regex(/^[A-Za-z_][\w.-]{0,31}\$?$/, 'not a name for a user or group: letters, digits, _, - and ., at most 32')

/** A number of a user or a group. */
export const numericId = z.number().int().nonnegative().max(4_294_967_294)

/** Prints `group NAME:x:GID:members` when there is the group `$1`; getent is missing on some small systems. */
export const GROUP_READ = `
if command -v getent >/dev/null 2>&1; then line=$(getent group "$1" || true); else line=$(grep "^$1:" /etc/group || true); fi
if [ -n "$line" ]; then echo "group $line"; fi`

const MISSING = 'is not installed, and busybox cannot change'

/** Ends with a reason where a program of the shadow suite is needed and missing. */
export const NEEDS_SHADOW = (program: string): string => `command -v ${program} >/dev/null 2>&1 || { echo '${program} ${MISSING} users and groups that exist' >&2; exit 1; }`

/** The hint for that. */
export function shadowHint(stderr: string): string | undefined {
  return stderr.includes(MISSING) ? 'install the package shadow' : undefined
}
