/**
 * IPv4 forwarding on and off again. The file that keeps it on across reboots also says what was there before, so that
 * the last cluster to go can give it back.
 */
import type { Host } from '../../src/host/index.ts'

/** farm's drop-in; see sysctl.d(5). */
export const FORWARDING_FILE = '/etc/sysctl.d/60-farm-forwarding.conf'

const BEFORE = '# before: net.ipv4.ip_forward = 0'

/** Switches forwarding on. A host that forwards already, and not because of farm, is left alone. */
export async function enableForwarding(host: Host, forwards: boolean): Promise<void> {
  const file = await host.readFile(FORWARDING_FILE)
  if (forwards && file === undefined) return
  await host.ensureFile(FORWARDING_FILE, `# Written by farm for the networks of its machines; unprovision-cluster removes it.\n${BEFORE}\nnet.ipv4.ip_forward = 1\n`, { title: FORWARDING_FILE })
  if (!forwards) await host.change({ summary: 'set net.ipv4.ip_forward to 1 (was 0)' }, ($) => $`echo 1 >/proc/sys/net/ipv4/ip_forward`)
}

/**
 * Gives forwarding back to what it was before farm.
 *
 * @param needed true while another network of libvirt's still forwards: then, or when the host's own settings or
 *   container networks have come to rely on it, only the file goes.
 */
export async function restoreForwarding(host: Host, needed: boolean): Promise<void> {
  const file = await host.readFile(FORWARDING_FILE)
  if (file === undefined) return
  const reset = !needed && file.includes(BEFORE) && !(await wantedByOthers(host))
  await host.change({ summary: reset ? 'set net.ipv4.ip_forward back to 0' : `remove ${FORWARDING_FILE}` }, async ($) => {
    if (reset) await $`echo 0 >/proc/sys/net/ipv4/ip_forward`
    await $`rm -f ${FORWARDING_FILE}`
  })
}

/** Whether something else on the host wants packets forwarded: its settings, a container's bridge, a tunnel. */
async function wantedByOthers(host: Host): Promise<boolean> {
  const { stdout } = await host.query`
for file in /etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf; do
  if [ -r "$file" ] && [ "$file" != ${FORWARDING_FILE} ] && grep -Eq '^[[:space:]]*net[./]ipv4[./]ip_forward[[:space:]]*=[[:space:]]*1' "$file"; then echo "$file"; fi
done
for device in /sys/class/net/docker0 /sys/class/net/cni0 /sys/class/net/podman* /sys/class/net/wg* /sys/class/net/lxdbr* /sys/class/net/incusbr*; do
  if [ -e "$device" ]; then echo "$device"; fi
done`
  return stdout.trim() !== ''
}
