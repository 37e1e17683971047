/** Directories that farm makes and takes away again. An empty file in them says that they are farm's. */
import type { Host } from '../../src/host/index.ts'

const MARK = '.farm'

/** Makes a directory unless it is there; one that was there before stays somebody else's. */
export async function ensureOwnDirectory(host: Host, dir: string): Promise<void> {
  const present = await host.query({ nothrow: true })`test -d ${dir}`
  if (present.exitCode !== 0) await host.change({ summary: `create directory ${dir}` }, ($) => $`umask 022; mkdir -p -- ${dir}; : >${dir}/${MARK}`)
}

/** Removes a directory that farm made, once nothing else is in it. */
export async function removeOwnDirectory(host: Host, dir: string): Promise<void> {
  const ours = await host.query({ nothrow: true })`[ "$(ls -A ${dir} 2>/dev/null)" = ${MARK} ]`
  if (ours.exitCode === 0) await host.change({ summary: `remove directory ${dir}` }, ($) => $`rm -f -- ${dir}/${MARK}; rmdir -- ${dir}`)
}
