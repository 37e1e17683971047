/** The serial consoles of machines, as libvirt logs them into files on the hypervisor. */
import type { Host } from '../host/index.ts'

/** The end of a console's log. */
export interface ConsoleTail {
  /** Bytes logged so far; 0 where nothing was. */
  readonly size: number
  /** The last lines, without control sequences. */
  readonly text: string
}

const MARK = '--farm-console--'

/** Reads the ends of several logs in one go, `bytes` of each. */
export async function readConsoles(host: Host, files: readonly string[], bytes = 4000): Promise<ConsoleTail[]> {
  if (files.length === 0) return []
  const { stdout } = await host.query({ nothrow: true })`
for file in ${[...files]}; do
  if [ -r "$file" ]; then size=$(wc -c <"$file"); else size=0; fi
  echo; echo ${MARK} $size
  if [ "$size" -gt 0 ]; then tail -c ${String(bytes)} "$file"; fi
done`
  return stdout.split(`${MARK} `).slice(1).map((part) => {
    const end = part.indexOf('\n')
    return { size: Number(part.slice(0, end)), text: cleanConsole(part.slice(end + 1)) }
  })
}

/** Removes what terminals interpret: escape sequences, carriage returns, other control characters. */
export function cleanConsole(text: string): string {
  return text
    .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b[()][A-Z0-9]|\u001b[=>78c]|\u001b\][^\u0007]*\u0007/g, '')
    .replace(/\r/g, '')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
}

/** The last lines that say something. */
export function lastLines(text: string, count: number): string[] {
  return text.split('\n').map((line) => line.trimEnd()).filter((line) => line !== '').slice(-count)
}
