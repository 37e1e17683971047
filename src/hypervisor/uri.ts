/** Which libvirt of a host is meant. */

/** The connection URI that variables name: `libvirt_uri`, else `ansible_libvirt_uri`, else the system's libvirt. */
export function libvirtUri(vars: object): string {
  const { libvirt_uri: own, ansible_libvirt_uri: ansible } = vars as Readonly<Record<string, unknown>>
  return String(own ?? ansible ?? 'qemu:///system')
}

/** Whether it is a user's own, whose machines and files are that user's. */
export function isSession(uri: string): boolean {
  return /\/session(\?|$)/.test(uri)
}
