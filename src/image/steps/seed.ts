/** Step seed: how the machines of the image learn who they are. It changes nothing in the image. */
import { z } from 'zod'
import { imageStep } from './types.ts'

/** What the seed of farm itself says; it cannot be said differently. */
const OWN = ['hostname', 'fqdn', 'manage_etc_hosts', 'preserve_hostname', 'disable_root', 'ssh_authorized_keys', 'ssh_deletekeys', 'ssh_keys', 'ca_certs', 'package_update', 'packages']

export const seed = imageStep({
  name: 'seed',
  description: 'Says which program in the guest reads the seed, and what else the seed tells it.',
  args: z
    .strictObject({
      reader: z.enum(['cloud-init', 'farm', 'none']).describe('cloud-init, the service in images that farm has built, or none where nothing reads a seed'),
      packages: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, { message: 'expected the name of a package' })).default([]).describe('packages that cloud-init installs when a machine first starts'),
      user_data: z.record(z.string(), z.unknown()).default({}).describe('further keys of the cloud-config'),
    })
    .check(({ value, issues }) => {
      const wrong = (path: string, message: string): unknown => issues.push({ code: 'custom', path: [path], message, input: value })
      if (value.reader !== 'cloud-init' && value.packages.length > 0) wrong('packages', 'expected none: only cloud-init installs packages; a built image gets them from its step build')
      if (value.reader !== 'cloud-init' && Object.keys(value.user_data).length > 0) wrong('user_data', 'expected none: only cloud-init reads it')
      for (const key of OWN) if (Object.hasOwn(value.user_data, key)) wrong('user_data', `expected no ${key}: ${key === 'packages' ? "write it as the step's packages" : 'farm sets it'}`)
    }),
  version: 1,
  // The rest is told to machines and is not in the image.
  content: ({ reader }) => reader,
  plan: (_state, { reader, packages, user_data }) => ({ seed: reader, seedPackages: packages, userData: user_data }),
  run: async (_context, { reader, packages, user_data }) => ({ seed: reader, seedPackages: packages, userData: user_data }),
})
