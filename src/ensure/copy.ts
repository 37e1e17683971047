/** Copies a file or a directory of the controller to the host. */
import { readFile } from 'node:fs/promises'
import { basename, posix } from 'node:path'
import { z } from 'zod'
import { expandPath } from '../paths.ts'
import { attributes, hostPath, mode, validate } from './arguments.ts'
import { ensureContent } from './content.ts'
import { sendFile, sendTree } from './copy-tree.ts'
import { localTree } from './local-tree.ts'
import { primitive } from './primitive.ts'

/** Bytes up to which a file is handled as text would be, in memory, with a diff; larger ones stream. */
const SMALL = 1 << 20

const schema = z.strictObject({
    src: z.string().min(1).describe('file or directory on the controller, relative to the project; a directory with a slash at its end stands for what is in it'),
    dest: hostPath.describe('absolute path on the host; with a slash at its end, the directory that the copy goes into'),
    ...attributes,
    mode: mode.optional().describe("permissions of files; those of the source when not given"),
    directoryMode: mode.optional().describe('permissions of directories; new ones get those of the source when not given'),
    delete: z.boolean().default(false).describe('remove what is in the directory on the host and not in the source'),
    validate,
  })

/** Makes a file or a tree on the host be what it is on the controller. Only what differs is sent. */
export const copy = primitive({
  name: 'copy',
  description: 'A file or a directory of the controller, copied to the host.',
  schema,
  run: async ({ host, projectDir, signal }, { src, dest, validate: check, delete: extraneous, directoryMode, ...wanted }) => {
    const source = expandPath(src, projectDir)
    const tree = await localTree(source)
    const [root] = tree
    const into = root?.type === 'directory' ? !src.endsWith('/') : dest.endsWith('/')
    const target = into ? posix.join(dest, basename(source)) : dest.replace(/(.)\/$/, '$1')
    if (root?.type === 'directory') return sendTree(host, { source, tree, dest: target, wanted, directoryMode, extraneous, signal })
    const withMode = { ...wanted, mode: wanted.mode ?? root?.mode }
    if ((root?.size ?? 0) > SMALL && check === undefined) return sendFile(host, { source, size: root?.size ?? 0, dest: target, wanted: withMode, signal })
    const bytes = await readFile(source)
    return ensureContent(host, { ...withMode, path: target, content: () => bytes, validate: check })
  },
})
