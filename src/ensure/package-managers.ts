/**
 * What farm says to each package manager. Scripts get package names as their positional parameters and never ask anything.
 * Reading prints lines: `have NAME VERSION`, `candidate NAME VERSION`, `provided NAME`, `age SECONDS`.
 */
import type { Facts } from '../host/index.ts'

/** Package managers that farm drives. */
export type PackageManager = NonNullable<Facts['packageManager']>

/** The program by which each is recognised, in the order in which they are looked for. */
export const MANAGER_PROGRAMS: Readonly<Record<PackageManager, string>> = { apt: 'apt-get', dnf: 'dnf', pacman: 'pacman', zypper: 'zypper', apk: 'apk' }

/** Settings of a change. */
export interface InstallOptions {
  /** Recommended packages come along. */
  readonly recommends?: boolean
  /** When lists are fetched anew: before, or after a failure and for a second try (dnf and zypper do that by themselves), or never. */
  readonly refresh?: 'first' | 'on-failure' | 'never'
  /** Seconds to wait while somebody else holds the manager's lock. */
  readonly lockTimeout?: number
  /** Configuration files go, too. */
  readonly purge?: boolean
}

type Action = 'install' | 'upgrade' | 'remove'

interface Driver {
  /** Reads; with `$latest` set to 1, candidates too. */
  readonly read: string
  readonly change: (action: Action, options: Required<InstallOptions>) => string
  readonly refresh: (lockTimeout: number) => string
  /** How a version is asked for; undefined where it cannot be. */
  readonly pin: ((name: string, version: string) => string) | undefined
}

/** Runs a command again while another process holds a lock that the command itself would not wait for. */
const PATIENT = (seconds: number): string => `patient() { waited=0; while :; do
if said=$("$@" 2>&1); then printf '%s\\n' "$said"; return 0; else status=$?; fi
case $said in *'ould not get lock'*|*'nable to lock'*|*'unable to lock'*) ;; *) printf '%s\\n' "$said" >&2; return $status;; esac
if [ "$waited" -ge ${seconds} ]; then printf '%s\\n' "$said" >&2; return $status; fi
sleep 1; waited=$((waited + 1)); done; }`

/** Lists that are older than the archive name files that are there no more, and fresh containers have no lists at all: then fresh ones help. */
function withLists(refresh: Required<InstallOptions>['refresh'], before: string, update: string, install: string): string {
  return `${before}\n${refresh === 'first' ? `${update}; ${install}` : refresh === 'never' ? install : `${install} || { ${update}; ${install}; }`}`
}

const APT_QUIET = 'export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1'

/** apt leaves the directory's time alone when there was nothing new; but the lists have been looked at, and are fresh. */
const APT_UPDATE = 'patient apt-get -qq update; touch /var/lib/apt/lists'

const apt: Driver = {
  read: `
have=$(dpkg-query -W -f='\${Package} \${Version} \${db:Status-Status} \${Architecture}\\n' "$@" 2>/dev/null || true)
printf '%s\\n' "$have" | while read -r name version status arch; do case $status in installed) echo "have $name $version"; echo "have $name:$arch $version";; config-files) echo "rest $name"; echo "rest $name:$arch";; esac; done
missing=0; for name; do case "
$have" in *"
\${name%%:*} "*" installed "*) ;; *) missing=1;; esac; done
if [ "$missing$latest" != 00 ]; then
  apt-cache policy "$@" 2>/dev/null | while read -r key value rest; do case $key in Candidate:) [ "$value" = '(none)' ] || echo "candidate $name $value";; *:) if [ -z "$value" ]; then name=\${key%:}; fi;; esac; done
  if [ "$missing" = 1 ]; then dpkg-query -W -f='provides \${db:Status-Status} \${Provides}\\n' 2>/dev/null | grep '^provides installed .' || true; fi
  newest=0; for path in /var/lib/apt/lists /var/lib/apt/lists/partial; do if [ -d "$path" ]; then time=$(stat -c %Y "$path"); [ "$time" -le "$newest" ] || newest=$time; fi; done
  echo "age $(( $(date +%s) - newest ))"
fi`,
  refresh: (seconds) => `${PATIENT(seconds)}\n${APT_QUIET}; ${APT_UPDATE}`,
  change(action, { recommends, refresh, lockTimeout, purge }) {
    const options = `-y -qq -o DPkg::Lock::Timeout=${lockTimeout} -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold`
    if (action === 'remove') return `${APT_QUIET}; apt-get ${purge ? 'purge' : 'remove'} ${options} "$@"`
    const install = `apt-get install ${options} ${recommends ? '--install-recommends' : '--no-install-recommends'} --allow-downgrades "$@"`
    return withLists(refresh, `${PATIENT(lockTimeout)}\n${APT_QUIET}`, APT_UPDATE, install)
  },
  pin: (name, version) => `${name}=${version}`,
}

/** By the database of rpm: what is installed under the name, or provides it. */
const RPM_READ = `for name; do
rpm -q --qf "have $name %{VERSION}-%{RELEASE}\\n" "$name" 2>/dev/null | grep '^have ' || rpm -q --whatprovides --qf "provided $name\\n" "$name" 2>/dev/null | grep '^provided ' || true
done`

const dnf: Driver = {
  read: `${RPM_READ}
if [ "$latest" = 1 ]; then
  status=0; list=$(dnf -q check-update "$@" 2>&1) || status=$?
  case $status in 0|100) ;; *) printf '%s\\n' "$list" >&2; exit 1;; esac
  printf '%s\\n' "$list" | while read -r name version repo rest; do case $name in Obsoleting) break;; *.*) if [ -n "$repo" ] && [ -z "$rest" ]; then echo "candidate \${name%.*} \${version#*:}"; fi;; esac; done
fi`,
  refresh: () => 'dnf -q makecache --refresh',
  change(action, { recommends, refresh }) {
    if (action === 'remove') return 'dnf -y -q remove "$@"'
    const weak = recommends ? '' : ' --setopt=install_weak_deps=False'
    return `dnf -y -q${refresh === 'first' ? ' --refresh' : ''}${weak} ${action} "$@"`
  },
  pin: (name, version) => `${name}-${version}`,
}

const zypper: Driver = {
  read: `${RPM_READ}
if [ "$latest" = 1 ]; then
  zypper --non-interactive --quiet --no-refresh list-updates | while IFS='|' read -r state repo name current available rest; do
    case $available in *[0-9]*) echo candidate $name $available;; esac; done
fi`,
  refresh: (seconds) => `export ZYPP_LOCK_TIMEOUT=${seconds}; zypper --non-interactive --quiet refresh`,
  change(action, { recommends, refresh, lockTimeout }) {
    const verb = action === 'remove' ? 'remove' : `${action === 'upgrade' ? 'update' : 'install'} --auto-agree-with-licenses ${recommends ? '--recommends' : '--no-recommends'}${action === 'install' ? ' --oldpackage' : ''}`
    // 102 and 103: done, but something wants to be started anew.
    const run = `status=0; zypper --non-interactive ${verb} "$@" || status=$?; case $status in 0|102|103) ;; *) exit $status;; esac`
    return `export ZYPP_LOCK_TIMEOUT=${lockTimeout}; ${refresh === 'first' ? 'zypper --non-interactive --quiet refresh; ' : ''}${run}`
  },
  pin: (name, version) => `${name}=${version}`,
}

const PACMAN_WAIT = (seconds: number): string => `waited=0; while [ -e /var/lib/pacman/db.lck ] && [ "$waited" -lt ${seconds} ]; do sleep 1; waited=$((waited + 1)); done`

const pacman: Driver = {
  read: `
pacman -Q "$@" 2>/dev/null | while read -r name version; do echo "have $name $version"; done || true
missing=$(pacman -T "$@" 2>/dev/null || true)
for name; do case " $(echo $missing) " in *" $name "*) ;; *) echo "provided $name";; esac; done
if [ "$latest" = 1 ]; then { pacman -Qu "$@" 2>/dev/null || true; } | while read -r name old arrow new rest; do echo "candidate $name $new"; done; fi`,
  refresh: (seconds) => `${PACMAN_WAIT(seconds)}; pacman -Sy --noconfirm`,
  change(action, { refresh, lockTimeout }) {
    const wait = PACMAN_WAIT(lockTimeout)
    return action === 'remove' ? `${wait}; pacman -R --noconfirm "$@"` : withLists(refresh, wait, 'pacman -Sy --noconfirm', 'pacman -S --noconfirm --needed "$@"')
  },
  pin: undefined,
}

const apk: Driver = {
  read: `
apk list --installed "$@" 2>/dev/null | while read -r package rest; do version=\${package##*-r}; base=\${package%-r*}; echo "have \${base%-*} \${base##*-}-r$version"; done
for name; do if apk info -e "$name" >/dev/null 2>&1; then echo "provided $name"; fi; done
if [ "$latest" = 1 ]; then apk version -l '<' "$@" 2>/dev/null | while read -r package sign new rest; do case $sign in '<') base=\${package%-r*}; echo "candidate \${base%-*} $new";; esac; done; fi`,
  refresh: (seconds) => `apk --wait ${seconds} update -q`,
  change(action, { refresh, lockTimeout }) {
    if (action === 'remove') return `apk --wait ${lockTimeout} del "$@"`
    return withLists(refresh, '', `apk --wait ${lockTimeout} update -q`, `apk --wait ${lockTimeout} add${action === 'upgrade' ? ' --upgrade' : ''} "$@"`)
  },
  pin: (name, version) => `${name}=${version}`,
}

/** How each manager is driven. */
export const DRIVERS: Readonly<Record<PackageManager, Driver>> = { apt, dnf, pacman, zypper, apk }

/** The script that installs the packages given as its positional parameters, with fresh lists and without asking. */
export function installScript(manager: PackageManager): string {
  return changeScript(manager, 'install', { refresh: 'first' })
}

/** The script of a change. */
export function changeScript(manager: PackageManager, action: Action, options: InstallOptions = {}): string {
  return DRIVERS[manager].change(action, { recommends: false, refresh: 'on-failure', lockTimeout: 120, purge: false, ...options })
}
