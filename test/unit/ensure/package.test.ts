import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { installScript, MANAGER_PROGRAMS, type PackageManager } from '../../../src/ensure/index.ts'
import { parsePackages, planPackages } from '../../../src/ensure/package.ts'
import { posixQuote } from '../../../src/host/index.ts'
import { Sandbox } from './sandbox.ts'

const MAKE = `make() { # name version extra
  rm -rf build; mkdir -p build/DEBIAN build/etc; echo conf >"build/etc/$1.conf"; echo "/etc/$1.conf" >build/DEBIAN/conffiles
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: farm <farm@localhost>\\nDescription: test\\n' "$1" "$2" >build/DEBIAN/control
  if [ -n "\${3-}" ]; then echo "$3" >>build/DEBIAN/control; fi
  dpkg-deb --root-owner-group -b build "$1_$2.deb" >/dev/null
  { cat build/DEBIAN/control; echo "Filename: ./$1_$2.deb"; echo "Size: $(stat -c %s "$1_$2.deb")"; echo "SHA256: $(sha256sum "$1_$2.deb" | cut -d' ' -f1)"; echo; } >>Packages
}`

/** Packages that hold next to nothing, in an archive of their own; apt knows no other. */
const REPO = `
set -e; rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin; mkdir -p /srv/repo; cd /srv/repo; : >Packages
${MAKE}
make farmtest 1.0; make farmtest 1.1; make farmother 3 'Provides: farmvirtual (= 3)'
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list`

describe('packages by apt, from an archive of the test', () => {
  let box: Sandbox
  before(async () => {
    box = await Sandbox.create()
    box.sh(REPO)
  })
  after(() => box[Symbol.asyncDispose]())
  const version = (name: string): string => box.sh(`dpkg-query -W -f='\${db:Status-Status} \${Version}' ${name} 2>/dev/null || true`)

  test('a package that the lists do not know makes apt fetch them, is installed, and is left alone then', async () => {
    const { ensure, changes, started } = box.bind()
    assert.deepEqual(await ensure.package({ name: ['farmtest=1.0', 'farmother'] }), { changed: true })
    // Facts, reading, applying.
    assert.equal(started(), 3)
    assert.deepEqual([version('farmtest'), version('farmother')], ['installed 1.0', 'installed 3'])
    assert.deepEqual(await ensure.package({ name: ['farmtest', 'farmother'] }), { changed: false })
    assert.deepEqual(await ensure.package({ name: ['farmtest=1.0*', 'farmother:all'] }), { changed: false })
    assert.equal(started(), 5)
    assert.deepEqual(changes.map(({ summary, diff }) => [summary, diff?.before, diff?.after]), [['install farmtest 1.0 and farmother', 'farmother absent\nfarmtest absent\n', 'farmother present\nfarmtest 1.0\n']])
  })

  test('what an installed package provides counts as there', async () => {
    assert.deepEqual(await box.bind().ensure.package({ name: 'farmvirtual' }), { changed: false })
  })

  test('latest upgrades what is there, once; a version can be gone back to', async () => {
    const { ensure, changes } = box.bind()
    assert.deepEqual(await ensure.package({ name: 'farmtest', state: 'latest' }), { changed: true })
    assert.equal(version('farmtest'), 'installed 1.1')
    assert.deepEqual(await ensure.package({ name: 'farmtest', state: 'latest' }), { changed: false })
    assert.deepEqual(await ensure.package({ name: 'farmtest=1.0' }), { changed: true })
    assert.equal(version('farmtest'), 'installed 1.0')
    assert.deepEqual(changes.map(({ summary }) => summary), ['upgrade farmtest (1.0 to 1.1)', 'install farmtest 1.0'])
  })

  test('lists that are too old are fetched before latest is judged, which is no change', async () => {
    const { ensure, changes } = box.bind()
    box.sh(`cd /srv/repo; ${MAKE}; make farmother 4; touch -d yesterday /var/lib/apt/lists /var/lib/apt/lists/partial`)
    const wanted = { name: 'farmother', state: 'latest' } as const
    assert.deepEqual(await ensure.package({ ...wanted, cacheValid: 3 * 86_400 }), { changed: false })
    assert.deepEqual(await ensure.package({ ...wanted, update: false, cacheValid: 60 }), { changed: false })
    assert.deepEqual(await box.bind({ check: true }).ensure.package({ ...wanted, cacheValid: 60 }), { changed: false })
    assert.deepEqual(await ensure.package({ ...wanted, cacheValid: 60 }), { changed: true })
    assert.deepEqual(changes.map(({ summary }) => summary), ['upgrade farmother (3 to 4)'])
    // Fetched lists count as fresh, also when there was nothing new in them.
    assert.ok(Number(box.sh('echo $(( $(date +%s) - $(stat -c %Y /var/lib/apt/lists) ))')) < 60)
    box.sh('touch -d yesterday /var/lib/apt/lists /var/lib/apt/lists/partial')
    assert.deepEqual(await ensure.package({ ...wanted, cacheValid: 60 }), { changed: false })
    assert.ok(Number(box.sh('echo $(( $(date +%s) - $(stat -c %Y /var/lib/apt/lists) ))')) < 60)
  })

  test('absent removes, and with purge takes configuration files that were left, too', async () => {
    const { ensure, changes } = box.bind()
    assert.deepEqual(await ensure.package({ name: 'farmtest', state: 'absent' }), { changed: true })
    assert.equal(version('farmtest'), 'config-files 1.0')
    assert.deepEqual(await ensure.package({ name: 'farmtest', state: 'absent' }), { changed: false })
    assert.deepEqual(await ensure.package({ name: 'farmtest', state: 'absent', purge: true }), { changed: true })
    assert.equal(version('farmtest'), '')
    assert.deepEqual(await ensure.package({ name: 'farmtest', state: 'absent', purge: true }), { changed: false })
    assert.deepEqual(changes.map(({ summary }) => summary), ['remove farmtest', 'remove farmtest'])
  })

  test('in check mode nothing changes, and the change is announced', async () => {
    const { ensure, changes } = box.bind({ check: true })
    assert.deepEqual(await ensure.package({ name: 'farmtest', update: true }), { changed: true })
    assert.deepEqual([version('farmtest'), changes.map(({ applied }) => applied)], ['', [false]])
  })

  test('a package that nobody knows is an error with a hint, after one look at fresh lists', async () => {
    await assert.rejects(box.bind().ensure.package({ name: 'farm-no-such-package' }), { code: 'ensure-failed', message: 'cannot install farm-no-such-package: E: Unable to locate package farm-no-such-package', hint: /by package manager/ })
  })

  test('names may differ by package manager, and one that is not named is an error', async () => {
    const { ensure } = box.bind()
    assert.deepEqual(await ensure.package({ name: { apt: 'farmother', dnf: ['other'] } }), { changed: false })
    assert.deepEqual(await ensure.package({ name: { apt: [] } }), { changed: false })
    await assert.rejects(ensure.package({ name: { dnf: ['other'] } }), { code: 'package-manager', message: 'ensure.package: name says nothing for apt, the package manager of sandbox' })
    await assert.rejects(ensure.package({ name: '-o=x' }), { code: 'primitive' })
    await assert.rejects(ensure.package({ name: '/tmp/x.deb' }), { message: /a file or URL cannot be installed/ })
  })
})

describe('packages by the managers of others, as stand-ins', () => {
  let box: Sandbox
  before(async () => void (box = await Sandbox.create()))
  after(() => box[Symbol.asyncDispose]())
  /** rpm knows bash and what provides sh, nothing else. */
  const rpm = (): void => box.standIn('rpm', 'case "$*" in *whatprovides*" sh") echo "provided sh";; *whatprovides*) exit 1;; *" bash") echo "have bash 5.1-2";; *) echo "package is not installed"; exit 1;; esac')
  const changing = (calls: readonly string[]): string[] => calls.filter((call) => !/^rpm |check-update|list-updates|^pacman -(Q|T)|^apk (list|info|version)/.test(call))

  test('dnf', async () => {
    rpm()
    box.standIn('dnf', 'case "$*" in *check-update*) printf "\\nbash.x86_64   1:5.2-1.fc40   updates\\nObsoleting Packages\\nx.y z w\\n"; exit 100;; esac')
    const { ensure, changes } = box.bind()
    const manager = 'dnf'
    assert.deepEqual(await ensure.package({ manager, name: ['bash', 'sh', 'bash=5.1', 'bash=5.1-2'] }), { changed: false })
    await ensure.package({ manager, name: ['bash', 'git', 'tar=1.34'] })
    await ensure.package({ manager, name: ['git'], recommends: true, update: true })
    await ensure.package({ manager, name: ['bash', 'git'], state: 'latest' })
    await ensure.package({ manager, name: ['bash', 'git'], state: 'absent' })
    assert.deepEqual(changing(box.calls()), [
      'dnf -y -q --setopt=install_weak_deps=False install git tar-1.34',
      'dnf -y -q --refresh install git',
      'dnf -q makecache --refresh',
      'dnf -y -q --setopt=install_weak_deps=False install git',
      'dnf -y -q --setopt=install_weak_deps=False upgrade bash',
      'dnf -y -q remove bash',
    ])
    assert.equal(changes[2]?.summary, 'install git; upgrade bash (5.1-2 to 5.2-1.fc40)')
  })

  test('zypper, whose exit code may ask for a restart', async () => {
    rpm()
    box.standIn('zypper', 'case "$*" in *list-updates*) printf "S | Repository | Name | Current Version | Available Version | Arch\\n--+--\\nv | Main | bash | 5.1-2 | 5.2-1 | x86_64\\n";; *" install "*) exit 102;; *" remove "*) exit 104;; esac')
    const { ensure } = box.bind()
    const manager = 'zypper'
    assert.deepEqual(await ensure.package({ manager, name: ['bash', 'sh'] }), { changed: false })
    await ensure.package({ manager, name: ['git=2.40'] })
    await ensure.package({ manager, name: ['bash'], state: 'latest', update: false })
    await assert.rejects(ensure.package({ manager, name: ['bash'], state: 'absent' }), { message: 'cannot remove bash: exit code 104' })
    assert.deepEqual(changing(box.calls()), [
      'zypper --non-interactive install --auto-agree-with-licenses --no-recommends --oldpackage git=2.40',
      'zypper --non-interactive update --auto-agree-with-licenses --no-recommends bash',
      'zypper --non-interactive remove bash',
    ])
  })

  test('pacman, which fetches its lists after a failure', async () => {
    box.standIn('pacman', `case "$*" in
"-Qu "*) echo "bash 5.1-1 -> 5.2-1";; "-Q "*) echo "bash 5.1-1"; exit 1;; "-T "*) echo git; exit 127;; "-S "*git*) [ -e /run/synced ] || { echo "error: target not found: git" >&2; exit 1; };; "-Sy "*) touch /run/synced;; esac`)
    const { ensure } = box.bind()
    const manager = 'pacman'
    assert.deepEqual(await ensure.package({ manager, name: ['bash', 'sh'] }), { changed: false })
    await ensure.package({ manager, name: ['bash', 'git'] })
    await ensure.package({ manager, name: ['bash'], state: 'latest' })
    await ensure.package({ manager, name: ['bash', 'sh'], state: 'absent' })
    await assert.rejects(ensure.package({ manager, name: 'bash=5.1' }), { code: 'package-version' })
    assert.deepEqual(changing(box.calls()), ['pacman -S --noconfirm --needed git', 'pacman -Sy --noconfirm', 'pacman -S --noconfirm --needed git', 'pacman -Sy --noconfirm', 'pacman -S --noconfirm --needed bash', 'pacman -R --noconfirm bash'])
  })

  test('apk', async () => {
    box.standIn('apk', `case "$*" in
"list "*) echo "gtk+3.0-3.24.38-r0 x86_64 {gtk+3.0} (LGPL) [installed]";; "info -e sh") ;; "info "*) exit 1;; "version "*) printf 'Installed:   Available:\\ngtk+3.0-3.24.38-r0   < 3.24.41-r1\\n';; esac`)
    const { ensure, changes } = box.bind()
    const manager = 'apk'
    assert.deepEqual(await ensure.package({ manager, name: ['gtk+3.0', 'sh', 'gtk+3.0=3.24.38-r0', 'gtk+3.0=3.24.38'] }), { changed: false })
    await ensure.package({ manager, name: ['git=2.40-r0'], lockTimeout: 5 })
    await ensure.package({ manager, name: ['gtk+3.0'], state: 'latest' })
    await ensure.package({ manager, name: ['gtk+3.0'], state: 'absent' })
    assert.deepEqual(changing(box.calls()), ['apk --wait 5 add git=2.40-r0', 'apk --wait 120 update -q', 'apk --wait 120 add --upgrade gtk+3.0', 'apk --wait 120 del gtk+3.0'])
    assert.equal(changes[1]?.summary, 'upgrade gtk+3.0 (3.24.38-r0 to 3.24.41-r1)')
  })

  test('roles that know what is missing install it with fresh lists', async () => {
    box.standIn('apt-get')
    const install = (manager: PackageManager): void => void box.sh(`set -eu; set -- one 'two=1*'; eval ${posixQuote(installScript(manager))}`)
    for (const manager of Object.keys(MANAGER_PROGRAMS) as PackageManager[]) install(manager)
    assert.deepEqual(box.calls().map((call) => call.replace(/ -o \S+/g, '')), [
      'apt-get -qq update', 'apt-get install -y -qq --no-install-recommends --allow-downgrades one two=1*',
      'dnf -y -q --refresh --setopt=install_weak_deps=False install one two=1*',
      'pacman -Sy --noconfirm', 'pacman -S --noconfirm --needed one two=1*',
      'zypper --non-interactive --quiet refresh', 'zypper --non-interactive install --auto-agree-with-licenses --no-recommends --oldpackage one two=1*',
      'apk --wait 120 update -q', 'apk --wait 120 add one two=1*',
    ])
  })

  test('the lists wait for a lock that apt-get itself would not wait for', async () => {
    box.standIn('apt-get', 'case "$*" in *update*) if [ ! -e /run/free ]; then touch /run/free; echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1" >&2; exit 100; fi;; esac')
    await box.bind().ensure.package({ name: 'farm-new', update: true })
    assert.deepEqual(box.calls().map((call) => call.split(' ').find((word) => /^(update|install)$/.test(word))), ['update', 'update', 'install'])
  })
})

test('packages that are there, provided, outdated or half removed are told apart', () => {
  const present = parsePackages('have bash 5.1-2\ncandidate bash 5.2-1\nprovides installed awk, libc6-dev (= 1.2)\nrest old\nage 12\n')
  const wanted = ['bash', 'awk', 'old', 'new'].map((name) => ({ name, version: undefined }))
  const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name)
  const plan = planPackages(wanted, 'latest', present, false)
  assert.deepEqual([names(plan.install), names(plan.upgrade)], [['old', 'new'], ['bash']])
  assert.deepEqual(names(planPackages(wanted, 'absent', present, false).remove), ['bash'])
  assert.deepEqual(names(planPackages(wanted, 'absent', present, true).remove), ['bash', 'old'])
  assert.equal(present.age, 12)
})
