/** A user as it is against a user as it is wanted: pure functions, but for the two scripts that they speak. */
import { NEEDS_SHADOW } from './accounts.ts'
import { mergeKeys } from './authorized-keys.ts'
import { byKind, commandLine, enumerate } from './script.ts'
import type { UserArguments } from './user.ts'

/** Prints what there is of the user `$1`. The wanted hash is the first line of the input, and compared by the shell itself. */
export const USER_READ = `
IFS= read -r wanted || true
entry() { if command -v getent >/dev/null 2>&1; then getent "$1" "$2" || true; else grep "^$2:" "/etc/$1" || true; fi; }
if [ -n "$(entry group "$1")" ]; then echo samegroup; fi
line=$(entry passwd "$1")
if [ -n "$line" ]; then
  echo "passwd $line"; echo "group $(id -gn "$1" 2>/dev/null || id -g "$1")"; echo "groups $(id -Gn "$1" 2>/dev/null || true)"
  if [ -n "$wanted" ]; then
    if [ -r /etc/shadow ]; then
      shadow=$(grep "^$1:" /etc/shadow || true); shadow=\${shadow#*:}; shadow=\${shadow%%:*}
      if [ "$shadow" = "$wanted" ]; then echo 'password same'; else echo 'password other'; fi
    else echo 'password unknown'; fi
  fi
  home=\${line%:*}; home=\${home##*:}
  for path in "$home/.ssh" "$home/.ssh/authorized_keys"; do
    if [ -L "$path" ]; then echo "odd $path"; elif [ -e "$path" ]; then echo "mode $(stat -c '%a %u' "$path") $path"; fi
  done
  if [ -r "$home/.ssh/authorized_keys" ]; then sed 's/^/key /' "$home/.ssh/authorized_keys"; fi
fi`

/** Writes `$1` to the authorized_keys of user `$2`, whose home and group are looked up, for the user may be new. */
const WRITE_KEYS = `
line=$(if command -v getent >/dev/null 2>&1; then getent passwd "$2"; else grep "^$2:" /etc/passwd; fi)
home=\${line%:*}; home=\${home##*:}; owner=$(id -u "$2"):$(id -g "$2")
[ -d "$home" ] || { echo "there is no home directory $home" >&2; exit 1; }
umask 077; mkdir -p "$home/.ssh"
new=$(mktemp "$home/.ssh/.farm-XXXXXX"); trap 'rm -f "$new"' EXIT
printf '%s' "$1" >"$new"
chown "$owner" "$home/.ssh" "$new"; chmod 700 "$home/.ssh"; chmod 600 "$new"
mv -f "$new" "$home/.ssh/authorized_keys"`

/** A user that exists. */
export interface UserState {
  readonly uid: number
  readonly comment: string
  readonly home: string
  readonly shell: string
  readonly group: string
  /** Without the primary one. */
  readonly groups: readonly string[]
  readonly password: 'same' | 'other' | 'unknown' | undefined
  readonly keys: string
  /** Whether .ssh and what is in it have the modes and the owner that sshd asks for. */
  readonly keyModes: boolean
  /** A link where a directory or file of keys should be. */
  readonly oddKeys: string | undefined
}

/** Reads what the script printed; undefined when there is no such user. */
export function parseUser(text: string): UserState | undefined {
  const of = byKind(text)
  const [line] = of('passwd')
  if (line === undefined) return undefined
  const [, , uid = '', , comment = '', home = '', shell = ''] = line.split(':')
  const [group = ''] = of('group')
  const keys = of('key')
  return {
    uid: Number(uid),
    comment,
    home,
    shell,
    group,
    groups: (of('groups')[0] ?? '').split(' ').filter((name) => name !== '' && name !== group).toSorted(),
    password: of('password')[0] as UserState['password'],
    keys: keys.length === 0 ? '' : `${keys.join('\n')}\n`,
    keyModes: of('mode').every((mode) => {
      const [bits, owner, path = ''] = mode.split(' ')
      return owner === uid && (path.endsWith('/.ssh') ? bits === '700' : bits === '600' || bits === '644')
    }),
    oddKeys: of('odd')[0],
  }
}

/** What is to be done. */
export interface UserPlan {
  readonly summary: string
  readonly script: string
  readonly args: readonly string[]
  /** `name:hash` is to be given as input. */
  readonly password: boolean
  readonly before: string
  readonly after: string
}

/** Compares; undefined when nothing differs. `sameGroup`: there is a group of the user's name. */
export function planUser(wanted: UserArguments, present: UserState | undefined, sameGroup: boolean): UserPlan | undefined {
  const { name } = wanted
  if (wanted.state === 'absent') {
    if (present === undefined) return undefined
    const script = `if command -v userdel >/dev/null 2>&1; then ${commandLine(['userdel', ...(wanted.remove ? ['-r'] : []), name])}; else ${commandLine(['deluser', ...(wanted.remove ? ['--remove-home'] : []), name])}; fi`
    return { summary: `remove user ${name}${wanted.remove ? ` and ${present.home}` : ''}`, script, args: [], password: false, before: describe(present), after: '' }
  }
  const lines: string[] = []
  const parts: string[] = []
  const keys = wanted.authorizedKeys === undefined ? undefined : mergeKeys(present?.keys ?? '', wanted.authorizedKeys, wanted.exclusive)
  const password = wanted.passwordHash !== undefined && (present === undefined || (wanted.updatePassword === 'always' && present.password !== 'same'))
  const groups = wanted.groups === undefined ? undefined : [...new Set([...(wanted.append ? (present?.groups ?? []) : []), ...wanted.groups])].filter((one) => one !== (wanted.group ?? present?.group)).toSorted()
  if (present === undefined) {
    lines.push(create(wanted, groups ?? [], sameGroup))
    parts.push(`create user ${name}`)
  } else {
    const { flags, what } = modifications(wanted, present)
    if (flags.length > 0) lines.push(NEEDS_SHADOW('usermod'), commandLine(['usermod', ...flags, name]))
    parts.push(...what)
    if (groups !== undefined && groups.join() !== present.groups.join()) {
      const [added, left] = [groups.filter((one) => !present.groups.includes(one)), present.groups.filter((one) => !groups.includes(one))]
      const busybox = [...added.map((one) => commandLine(['addgroup', name, one])), ...left.map((one) => commandLine(['delgroup', name, one]))]
      lines.push(`if command -v usermod >/dev/null 2>&1; then ${commandLine(['usermod', '-G', groups.join(','), name])}; else ${busybox.join('; ')}; fi`)
      if (added.length > 0) parts.push(`add ${name} to ${enumerate(added)}`)
      if (left.length > 0) parts.push(`take ${name} out of ${enumerate(left)}`)
    }
  }
  if (password) {
    lines.push('chpasswd -e')
    parts.push(`set the password of ${name}`)
  }
  const writeKeys = keys !== undefined && (keys !== (present?.keys ?? '') || present?.keyModes === false)
  if (writeKeys) {
    lines.push(WRITE_KEYS)
    parts.push(keys === present?.keys ? `mend the modes of ${name}'s .ssh` : `write the authorized keys of ${name}`)
  }
  if (lines.length === 0) return undefined
  const after: UserState = { ...(present ?? BLANK), ...pick(wanted), groups: groups ?? present?.groups ?? [], group: wanted.group ?? present?.group ?? name, keys: keys ?? present?.keys ?? '' }
  const note = password ? 'password: new\n' : ''
  return { summary: enumerate(parts), script: lines.join('\n'), args: writeKeys ? [keys, name] : [], password, before: present === undefined ? '' : describe(present), after: describe(after) + note }
}

const BLANK: UserState = { uid: -1, comment: '', home: '', shell: '', group: '', groups: [], password: undefined, keys: '', keyModes: true, oddKeys: undefined }

/** The fields that stand in /etc/passwd, where they are wanted. */
function pick({ uid, comment, home, shell }: UserArguments): Partial<UserState> {
  return { ...(uid === undefined ? {} : { uid }), ...(comment === undefined ? {} : { comment }), ...(home === undefined ? {} : { home }), ...(shell === undefined ? {} : { shell }) }
}

function describe({ uid, comment, home, shell, group, groups, keys }: UserState): string {
  const fields = { uid: uid < 0 ? '' : String(uid), group, groups: groups.join(','), comment, home, shell }
  const text = Object.entries(fields).filter(([, value]) => value !== '').map(([key, value]) => `${key}: ${value}\n`).join('')
  return text + keys.split('\n').filter((line) => line !== '').map((line) => `key: ${line}\n`).join('')
}

function create(wanted: UserArguments, groups: readonly string[], sameGroup: boolean): string {
  const { name, uid, home, shell, comment, system } = wanted
  const makeHome = wanted.createHome ?? !system
  // useradd refuses to make a group of the user's name where there is one.
  const group = wanted.group ?? (sameGroup ? name : undefined)
  const option = (flag: string, value: string | number | undefined): string[] => (value === undefined ? [] : [flag, String(value)])
  const shadow = ['useradd', ...option('-u', uid), ...option('-g', group), ...(groups.length > 0 ? ['-G', groups.join(',')] : []), ...option('-d', home), ...option('-s', shell), ...option('-c', comment), ...(system ? ['-r'] : []), makeHome ? '-m' : '-M', name]
  const busybox = ['adduser', '-D', ...option('-u', uid), ...option('-G', group), ...option('-h', home), ...option('-s', shell), ...option('-g', comment), ...(system ? ['-S'] : []), ...(makeHome ? [] : ['-H']), name]
  const joins = groups.map((one) => commandLine(['addgroup', name, one]))
  return `if command -v useradd >/dev/null 2>&1; then ${commandLine(shadow)}; else ${[commandLine(busybox), ...joins].join('; ')}; fi`
}

/** Flags of usermod, and what they do in words. */
function modifications({ name, uid, group, home, shell, comment }: UserArguments, present: UserState): { flags: string[]; what: string[] } {
  const flags: string[] = []
  const what: string[] = []
  const differ = (flag: string, value: string | undefined, now: string, label: string): void => {
    if (value === undefined || value === now) return
    flags.push(flag, value)
    what.push(`set the ${label} of ${name} to ${value === '' ? 'nothing' : value}`)
  }
  differ('-u', uid === undefined ? undefined : String(uid), String(present.uid), 'number')
  differ('-g', group, present.group, 'group')
  differ('-d', home, present.home, 'home')
  differ('-s', shell, present.shell, 'shell')
  differ('-c', comment, present.comment, 'comment')
  return { flags, what }
}
