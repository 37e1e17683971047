/** The proof of the whole: a project that ships is built from Debian's packages, in guests of two architectures. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { aptRepo, HttpServer, PROJECT_PACKAGES } from '../../lab/index.ts'
import { guestImage } from '../../lab/images.ts'
import { assertExit, eventsOf } from '../farm.ts'
import { Field, machines, phases } from './field.ts'

let field: Field
let mirror: HttpServer
before(async () => {
  const images = [await guestImage(), await guestImage({ arch: 'arm64' })]
  const repo = await aptRepo({ images, packages: PROJECT_PACKAGES.hello })
  field = await Field.create({ hosts: ['lynx'], platforms: { bookworm: { amd64: {}, arm64: { arch: 'arm64' } } }, config: '{ permutations: { platforms: [bookworm], targets: [amd64, arm64] } }' })
  mirror = await HttpServer.create({ root: repo.dir, lab: field.lab })
})
after(async () => {
  await mirror?.[Symbol.asyncDispose]()
  await field?.[Symbol.asyncDispose]()
})

test('a project that ships with farm is compiled from a mirror\'s packages on two architectures, and again from the init snapshots', { timeout: 1_200_000 }, async (t) => {
  for (const expected of [['dependencies', 'init', 'main'], ['main']]) {
    const run = await field.test('-e', 'phases_lookup_dir_path=hello', '-e', JSON.stringify({ guest_mirror: `[trusted=yes] ${mirror.url}` }))
    assertExit(run, 0)
    for (const [target, architecture] of [['amd64', 'x86_64'], ['arm64', 'aarch64']]) {
      const machine = `bookworm_${target}`
      assert.deepEqual(phases(run, machine), expected, machine)
      assert.ok(eventsOf(run, 'output').some(({ host, line }) => host === machine && line === `hello from ${architecture}`), machine)
    }
    t.diagnostic(machines(run).map((machine) => `${machine.machine} ${String((machine as unknown as { seconds: number }).seconds)} s`).join(', '))
  }
})
