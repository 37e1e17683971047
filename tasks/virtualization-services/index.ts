/** Role: libvirt's daemon runs, under whichever init system there is, or under none. */
import { TaskError } from '../../src/errors.ts'
import type { HypervisorFacts } from '../../src/hypervisor/index.ts'
import type { ClusterVars } from '../../src/machine/index.ts'
import { task, type TaskContext } from '../../src/recipe/index.ts'
import { clusterPaths, type PathVars } from '../shared/cluster.ts'

/**
 * Gives /dev/kvm the permissions that udev gives it. Where no udev runs it stays closed to the emulator's user; libvirt
 * finds KVM as root, finds it unusable for the emulator, and asks the emulator anew for every request: 4 s each time.
 */
export const openKvm = task<ServiceVars>('virtualization-services: open /dev/kvm to the emulator', async ({ host, hypervisor, vars, skip }) => {
  const facts = await hypervisor.facts(clusterPaths(vars))
  if (!facts.kvmClosed) return
  if (facts.uid !== 0) return skip('only root can')
  const group = await host.query({ nothrow: true })`grep -q '^kvm:' /etc/group`
  if (group.exitCode !== 0) return skip('there is no group kvm')
  await host.change({ summary: 'give /dev/kvm to the group kvm, mode 0660, as udev does' }, ($) => $`chgrp kvm /dev/kvm; chmod 0660 /dev/kvm`)
  hypervisor.forget()
})

type ServiceVars = PathVars & Pick<ClusterVars, 'libvirt_uri' | 'libvirtd_service'>

/** Seconds for a daemon to answer after its start; the first start asks every emulator for its capabilities. */
const PATIENCE = 90

export const startServices = task<ServiceVars>('virtualization-services: start libvirt', async (context) => {
  const { programs } = await context.hypervisor.facts(clusterPaths(context.vars))
  if (!programs.has('virsh')) context.skip('libvirt is not installed')
  await startLibvirt(context)
})

/**
 * Starts libvirt's daemon when it does not answer.
 * @throws TaskError `libvirt-silent`
 */
export async function startLibvirt({ host, hypervisor, vars }: Pick<TaskContext<Pick<ClusterVars, 'libvirtd_service'>>, 'host' | 'hypervisor' | 'vars'>): Promise<void> {
  const { uri } = hypervisor.virsh
  const facts = await hypervisor.facts()
  if (!facts.programs.has('virsh')) return
  const answer = await hypervisor.virsh.version()
  if (answer.version !== undefined) return
  hypervisor.forget()
  if (uri !== 'qemu:///system') {
    throw new TaskError('libvirt-silent', `${uri} does not answer: ${answer.reason}`, { host: host.name, hint: 'a session daemon starts by itself when XDG_RUNTIME_DIR exists and the user may run virsh' })
  }
  await host.change({ summary: 'start libvirt' }, async ($) => {
    await $`service=${vars.libvirtd_service ?? ''}; eval ${startScript(facts)}`
    const waited = await $({ nothrow: true })`
end=$(( $(date +%s) + ${String(PATIENCE)} ))
until virsh -q -c ${uri} uri >/dev/null 2>&1; do
  [ "$(date +%s)" -lt "$end" ] || { virsh -q -c ${uri} uri; exit 1; }
  sleep 0.2
done`
    if (waited.exitCode !== 0) {
      throw new TaskError('libvirt-silent', `libvirt was started but does not answer after ${PATIENCE} s`, { host: host.name, details: waited.stderr.trim().split('\n').slice(-5), hint: 'look at the log of libvirtd on the host' })
    }
  })
}

/** Shell that starts the daemon; `$service` names it or is empty. */
function startScript(facts: HypervisorFacts): string {
  if (facts.init === 'systemd') {
    return `
if [ -n "$service" ]; then systemctl enable --now "$service"
elif systemctl cat libvirtd.service >/dev/null 2>&1; then systemctl enable --now libvirtd
else systemctl enable --now virtqemud.socket virtnetworkd.socket virtstoraged.socket
fi`
  }
  if (facts.init === 'openrc') return 'service=${service:-libvirtd}; rc-update add "$service" default; rc-service "$service" start'
  // No init system: the daemons put themselves in the background.
  return 'virtlogd -d; libvirtd -d'
}
