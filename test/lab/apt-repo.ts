/**
 * A Debian repository for the lab's guests, which reach no mirror: the packages that a list needs beyond those of given images, and
 * source packages. Serve `dir` with an HttpServer; guests take from it by `deb [trusted=yes] URL SUITE main`, since nothing is signed.
 *
 * Everything comes from the mirrors that the images were made from, once: it is kept in $FARM_TEST_CACHE, by what it is made of.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { testCache, type GuestImage } from './images.ts'
import { must } from './process.ts'

/** A source package of one tarball. Debian's own may have more parts; with one, no tool is needed to make it. */
export interface SourcePackage {
  readonly name: string
  /** Without a revision of Debian's. */
  readonly version: string
  /** A `.tar.gz` with one directory at its top. */
  readonly url: string
  readonly sha256: string
}

export interface AptRepoOptions {
  /** Images whose guests shall be able to install the packages; their architectures are those of the repository. */
  readonly images: readonly GuestImage[]
  readonly packages: readonly string[]
  readonly sources?: readonly SourcePackage[]
}

/** A directory with `dists/<suite>` and `pool`. */
export interface AptRepo {
  readonly dir: string
  readonly suite: string
}

/** VDE as Debian has it, before Debian's patches. */
export const VDE_SOURCE: SourcePackage = {
  name: 'vde2',
  version: '2.3.2+r586',
  url: 'http://deb.debian.org/debian/pool/main/v/vde2/vde2_2.3.2%2br586.orig.tar.gz',
  sha256: '3e9c1d196afdda275506639c850dd23404669e27192956bf676df2c3ae66ff2b',
}

/** What the projects that ship install in Debian. */
export const PROJECT_PACKAGES = {
  hello: ['tcc', 'libc6-dev'],
  vde: ['build-essential', 'autoconf', 'automake', 'libtool', 'libpcap-dev'],
} as const

const SUITE = 'bookworm'

/** The repository; made when the cache has none. */
export async function aptRepo({ images, packages, sources = [] }: AptRepoOptions): Promise<AptRepo> {
  const parts = [images.map(({ key }) => key), [...packages].sort(), sources]
  const dir = join(testCache(), `apt-${hashes(JSON.stringify(parts)).sha256.slice(0, 12)}`)
  const repo = { dir, suite: SUITE }
  if (existsSync(dir)) return repo
  mkdirSync(testCache(), { recursive: true })
  const work = mkdtempSync(`${dir}.`)
  try {
    mkdirSync(join(work, 'pool/source'), { recursive: true })
    for (const image of images) await downloadPackages(work, image, packages)
    for (const source of sources) await makeSource(join(work, 'pool/source'), source)
    await writeIndexes(work, images.map(({ arch }) => arch))
    renameSync(work, dir)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return repo
}

/** Fills `pool/<arch>` with what the packages need and the image lacks: apt itself finds out, from the image's own list of packages. */
async function downloadPackages(work: string, image: GuestImage, packages: readonly string[]): Promise<void> {
  const pool = join(work, 'pool', image.arch)
  const apt = join(work, 'apt')
  for (const folder of [join(pool, 'partial'), join(apt, 'lists/partial')]) mkdirSync(folder, { recursive: true })
  await copyFromImage(image, { '/var/lib/dpkg/status': join(apt, 'status'), '/etc/apt/sources.list': join(apt, 'sources.list') })
  const options = {
    'APT::Architecture': image.arch,
    'APT::Architectures': image.arch,
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Debug::NoLocking': 'true',
    'Dir::Cache::archives': pool,
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State': apt,
    'Dir::State::status': join(apt, 'status'),
  }
  const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...Object.entries(options).map(([name, value]) => `-o${name}=${value}`)]
  await must([...command, 'update'], { timeout: 300_000 })
  await must([...command, '--yes', '--download-only', 'install', ...packages], { timeout: 600_000 })
  for (const rest of [apt, join(pool, 'partial'), join(pool, 'lock')]) rmSync(rest, { recursive: true, force: true })
}

/** Copies files out of an image's file system, which fills its disk. Nobody mounts it, and debugfs needs no loop device. */
async function copyFromImage({ disk }: GuestImage, files: Readonly<Record<string, string>>): Promise<void> {
  const work = mkdtempSync(join(testCache(), 'raw.'))
  try {
    const raw = join(work, 'disk.raw')
    await must(['qemu-img', 'convert', '-O', 'raw', disk, raw])
    for (const [inside, outside] of Object.entries(files)) {
      await must(['/usr/sbin/debugfs', '-R', `dump ${inside} ${outside}`, raw])
      // It says nothing of failures.
      if (!existsSync(outside)) throw new Error(`${disk} has no ${inside}`)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Downloads the tarball and describes it as a source package. */
async function makeSource(pool: string, { name, version, url, sha256 }: SourcePackage): Promise<void> {
  const file = join(pool, `${name}_${version}.tar.gz`)
  await must(['curl', '--fail', '--silent', '--show-error', '--location', '--retry', '3', '--max-time', '300', '-o', file, url], { timeout: 1_200_000 })
  const content = readFileSync(file)
  const sums = hashes(content)
  if (sums.sha256 !== sha256) throw new Error(`${url} has the SHA-256 ${sums.sha256} and not ${sha256}`)
  const lines = [
    'Format: 1.0',
    `Source: ${name}`,
    `Binary: ${name}`,
    'Architecture: any',
    `Version: ${version}`,
    'Maintainer: the lab <root@localhost>',
    `Checksums-Sha256:\n ${sums.sha256} ${content.length} ${basename(file)}`,
    `Files:\n ${sums.md5} ${content.length} ${basename(file)}`,
  ]
  writeFileSync(join(pool, `${name}_${version}.dsc`), `${lines.join('\n')}\n`)
}

/** Writes what apt looks for: the lists of packages, and a Release file with their checksums. */
async function writeIndexes(work: string, arches: readonly string[]): Promise<void> {
  const indexes = new Map<string, string>()
  for (const arch of arches) indexes.set(`main/binary-${arch}/Packages`, await must(['dpkg-scanpackages', '--multiversion', `pool/${arch}`], { cwd: work }))
  if (readdirSync(join(work, 'pool/source')).length > 0) indexes.set('main/source/Sources', await must(['dpkg-scansources', 'pool/source'], { cwd: work }))
  const dists = join(work, 'dists', SUITE)
  const sums: string[] = []
  for (const [name, text] of indexes) {
    const file = join(dists, name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, text)
    sums.push(` ${hashes(text).sha256} ${statSync(file).size} ${name}`)
  }
  const release = [`Suite: ${SUITE}`, `Codename: ${SUITE}`, `Architectures: ${arches.join(' ')}`, 'Components: main', `Date: ${new Date().toUTCString()}`, 'SHA256:', ...sums]
  writeFileSync(join(dists, 'Release'), `${release.join('\n')}\n`)
}

function hashes(content: string | Buffer): { readonly sha256: string; readonly md5: string } {
  const sum = (algorithm: string): string => createHash(algorithm).update(content).digest('hex')
  return { sha256: sum('sha256'), md5: sum('md5') }
}
