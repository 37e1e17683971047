/** Step build: an image made of a distribution's own packages. */
import { z } from 'zod'
import { debianArch } from '../arch.ts'
import { build as buildImage, buildTraits, checkBuilder } from '../build.ts'
import { imageKey } from '../key.ts'
import type { BuildSpec } from '../types.ts'
import { InputError } from '../../errors.ts'
import { imageStep } from './types.ts'

const args = z.strictObject({
  suite: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, { message: "expected a release's code name, e.g. bookworm" }).describe('bookworm, trixie or another release with systemd'),
  arch: z.string().refine((arch) => debianArch(arch) !== undefined, { message: 'expected an architecture that Debian has' }).optional().describe("the guest's architecture; the target's by default"),
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, { message: 'expected the name of a package' })).default([]).describe('packages in addition to those that every guest gets'),
  mirror: z.string().regex(/^(https?|file|ftp|copy):\/\/\S+$/, { message: 'expected an address, e.g. http://deb.debian.org/debian' }).optional().describe("the distribution's own by default"),
})

/** The build that the step's arguments describe. @throws InputError image-arch */
export function buildSpec({ suite, arch: own, packages, mirror }: z.output<typeof args>, arch: string): BuildSpec {
  const debian = debianArch(own ?? arch)
  if (debian === undefined) throw new InputError('image-arch', `no image can be built for ${own ?? arch}: Debian does not have it`)
  return { kind: 'build', suite, arch: debian, packages, ...(mirror !== undefined && { mirror }) }
}

export const build = imageStep({
  name: 'build',
  description: "Builds an image from a Debian mirror's packages, with farm's reader of seeds in it.",
  args,
  brings: true,
  look: ({ host, arch }, given) => checkBuilder(host, buildSpec(given, arch)),
  plan: (_state, given, arch) => traits(buildSpec(given, arch)),
  // The key of such an image has all in it: packages, script and guest files.
  content: (given, arch) => imageKey(buildSpec(given, arch)),
  async run({ host, $, stage, arch, key, log, watch }, given) {
    const spec = buildSpec(given, arch)
    await buildImage(host, $, spec, key, { stage, log }, watch)
    return { file: 'disk.qcow2', format: 'qcow2', ...traits(spec) }
  },
})

function traits(spec: BuildSpec): { kernel: string; initrd: string; cmdline: string | undefined; boot: 'disk' | 'kernel'; seed: 'cloud-init' | 'farm' | 'none' } {
  const { boot, cmdline, seed } = buildTraits(spec)
  return { kernel: 'vmlinuz', initrd: 'initrd.img', boot, cmdline, seed }
}
