/**
 * The seed disk of a machine: who it is and who may log in. One disk serves both readers: cloud-init's NoCloud files in the root
 * (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html), and for the guests that farm builds a tree of
 * files under farm/ that templates/image/rootfs/usr/lib/farm/seed unpacks.
 */
import { packaged } from '../paths.ts'
import { renderTemplate } from '../vars/index.ts'
import { toJson } from '../vars/formats.ts'
import { iso9660 } from './iso9660.ts'
import { tar, type TarEntry } from './tar.ts'

/** What a machine is told when it first starts. */
export interface SeedSpec {
  /** A guest applies a seed once for each value of this. */
  readonly instanceId: string
  readonly hostname: string
  readonly fqdn?: string | undefined
  /** Public keys of those who may log in as root. */
  readonly authorizedKeys: readonly string[]
  /** The guest's only SSH host key, ed25519, in OpenSSH's formats. */
  readonly hostKey: { readonly privateKey: string; readonly publicKey: string }
  /** Certificates to trust; `name` becomes a file name. */
  readonly caCertificates: readonly { readonly name: string; readonly pem: string }[]
  /** Installed by cloud-init; a built image has its packages already. */
  readonly packages: readonly string[]
  /** Further keys of cloud-init's configuration, none of which the template sets. */
  readonly userData?: Readonly<Record<string, unknown>> | undefined
  readonly nameservers: readonly string[]
  readonly searchDomain?: string | undefined
  /** Of the interface to configure; every ethernet interface when undefined. */
  readonly mac?: string | undefined
}

/**
 * Builds the disk (ISO 9660, volume `cidata`). The same spec gives the same bytes.
 * `templateDirs`: directories with `cloud-init/*.yaml.hbs`, first one wins; farm's own when undefined.
 * @throws InputError from a template.
 */
export async function seedIso(spec: SeedSpec, templateDirs: readonly string[] = [packaged('templates')]): Promise<Uint8Array> {
  const data = {
    instanceId: spec.instanceId,
    hostname: spec.hostname,
    fqdn: spec.fqdn ?? spec.hostname,
    authorizedKeys: spec.authorizedKeys.map((key) => key.trim()),
    privateKey: ended(spec.hostKey.privateKey),
    publicKey: spec.hostKey.publicKey.trim(),
    caCertificates: spec.caCertificates.map(({ pem }) => ended(pem)),
    packages: [...spec.packages],
    install: spec.packages.length > 0,
    nameservers: [...spec.nameservers],
    searchDomains: spec.searchDomain === undefined ? [] : [spec.searchDomain],
    // YAML 1.1 reads some MAC addresses as numbers of base 60; the templates write text in quotes.
    match: spec.mac === undefined ? { name: 'e*' } : { macaddress: spec.mac.toLowerCase() },
  }
  const names = ['meta-data', 'user-data', 'network-config']
  const documents = await Promise.all(names.map((name) => renderTemplate(`cloud-init/${name}.yaml`, data, { dirs: templateDirs })))
  const further = Object.entries(spec.userData ?? {}).map(([key, value]) => `${toJson(key)}: ${toJson(value)}\n`).join('')
  return iso9660('cidata', [
    ...documents.map(({ text }, index) => ({ path: names[index] as string, content: names[index] === 'user-data' ? text + further : text })),
    { path: 'farm/instance-id', content: `${spec.instanceId}\n` },
    { path: 'farm/rootfs.tar', content: tar(seedTree(spec)) },
  ])
}

/** The files that a guest built by farm gets from its seed. */
function seedTree(spec: SeedSpec): TarEntry[] {
  const { hostname, fqdn, hostKey } = spec
  const names = fqdn === undefined || fqdn === hostname ? hostname : `${fqdn} ${hostname}`
  const resolver = [...(spec.searchDomain === undefined ? [] : [`search ${spec.searchDomain}`]), ...spec.nameservers.map((address) => `nameserver ${address}`)]
  const certificates = spec.caCertificates.map(({ name, pem }) => ({ path: `usr/local/share/ca-certificates/${certificateName(name)}`, mode: 0o644, content: ended(pem) }))
  return [
    { path: 'etc/hostname', mode: 0o644, content: `${hostname}\n` },
    { path: 'etc/hosts', mode: 0o644, content: `127.0.0.1 localhost\n127.0.1.1 ${names}\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n` },
    ...(resolver.length === 0 ? [] : [{ path: 'etc/resolv.conf', mode: 0o644, content: `${resolver.join('\n')}\n` }]),
    { path: 'etc/ssh/ssh_host_ed25519_key', mode: 0o600, content: ended(hostKey.privateKey) },
    { path: 'etc/ssh/ssh_host_ed25519_key.pub', mode: 0o644, content: ended(hostKey.publicKey) },
    { path: 'root/.ssh', mode: 0o700 },
    { path: 'root/.ssh/authorized_keys', mode: 0o600, content: spec.authorizedKeys.map(ended).join('') },
    ...certificates,
    ...(certificates.length === 0 ? [] : [{ path: 'var/lib/farm', mode: 0o755 }, { path: 'var/lib/farm/certificates-pending', mode: 0o644, content: '' }]),
  ]
}

/** update-ca-certificates takes files that end in `.crt`. */
function certificateName(name: string): string {
  return `${name.replace(/\.(crt|pem|cer)$/i, '').replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '').slice(0, 60) || 'farm'}.crt`
}

function ended(text: string): string {
  return `${text.trim()}\n`
}
