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
 * @param needed true while another network on the host still forwards: then only the file goes.
 */
export async function restoreForwarding(host: Host, needed: boolean): Promise<void> {
  const file = await host.readFile(FORWARDING_FILE)
  if (file === undefined) return
  const reset = !needed && file.includes(BEFORE)
  await host.change({ summary: reset ? 'set net.ipv4.ip_forward back to 0' : `remove ${FORWARDING_FILE}` }, async ($) => {
    if (reset) await $`echo 0 >/proc/sys/net/ipv4/ip_forward`
    await $`rm -f ${FORWARDING_FILE}`
  })
}
