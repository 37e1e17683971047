/** Whether a hypervisor can run programs of another architecture, which a package does while it is installed into a guest. */
import { TaskError } from '../errors.ts'
import type { Host } from '../host/index.ts'
import { kernelArch } from './arch.ts'

const BINFMT = '/proc/sys/fs/binfmt_misc'
/** The kernel's names that QEMU's interpreters are not called by. */
const INTERPRETERS: Readonly<Record<string, string>> = { armv7l: 'arm', i686: 'i386' }

/**
 * Sees that programs for `arch` (Debian's name) run on the host: natively, or by QEMU's user mode emulation, which the kernel starts by
 * itself once binfmt_misc has been told (https://docs.kernel.org/admin-guide/binfmt-misc.html). Says exactly what is missing. One query.
 * @throws TaskError foreign-arch
 */
export async function checkForeign(host: Host, arch: string): Promise<void> {
  const interpreter = INTERPRETERS[kernelArch(arch)] ?? kernelArch(arch)
  // The test's programs are those by which mmdebstrap, too, finds out.
  const { stdout } = await host.query`
    arch=${arch} entry=${`${BINFMT}/qemu-${interpreter}`}
    if [ "$(dpkg --print-architecture 2>/dev/null)" = "$arch" ]; then echo ok
    elif ! command -v arch-test >/dev/null; then echo arch-test
    elif arch-test -n "$arch" >/dev/null 2>&1; then echo ok
    elif ! [ -e ${`${BINFMT}/register`} ]; then echo mount
    elif ! [ -e "$entry" ]; then if ls /usr/bin/qemu-${interpreter}-static >/dev/null 2>&1; then echo register; else echo interpreter; fi
    elif ! grep -q '^enabled' "$entry" || ! grep -q '^enabled' ${`${BINFMT}/status`}; then echo disabled
    elif ! arch-test "$arch" >/dev/null 2>&1; then echo broken
    elif ! grep -q '^flags:.*F' "$entry"; then echo flags
    else echo ok; fi`
  const state = stdout.trim()
  if (state === 'ok') return
  const install = 'apt-get install arch-test qemu-user-static binfmt-support'
  const [problem, hint] = {
    'arch-test': ['arch-test is not installed, without which mmdebstrap builds for no other architecture', install],
    mount: ['the kernel has not been asked to start foreign programs (binfmt_misc is not mounted)', `mount -t binfmt_misc binfmt_misc ${BINFMT}, after modprobe binfmt_misc where it is a module; then update-binfmts --enable`],
    interpreter: [`there is no emulator for its programs (qemu-${interpreter}-static)`, install],
    register: [`the kernel has not been told of its emulator (no ${BINFMT}/qemu-${interpreter})`, `install binfmt-support and run update-binfmts --enable qemu-${interpreter}; with systemd, systemctl restart systemd-binfmt does the same`],
    disabled: [`its emulator is switched off (${BINFMT}/qemu-${interpreter})`, `run update-binfmts --enable qemu-${interpreter}, and echo 1 > ${BINFMT}/status`],
    flags: [`its emulator would not be found in the guest's tree (${BINFMT}/qemu-${interpreter} lacks the flag F)`, 'install qemu-user-static in place of qemu-user-binfmt, or register it with the flag F'],
  }[state] ?? [`its emulator does not run its programs (${BINFMT}/qemu-${interpreter})`, `find out with arch-test ${arch}; reinstalling qemu-user-static often helps`]
  throw new TaskError('foreign-arch', `an image for ${arch} cannot be built on this host: ${problem}`, { host: host.name, hint: `${hint}; or take an image to download` })
}
