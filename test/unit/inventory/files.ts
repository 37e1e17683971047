/** Laying out directories for tests. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Writes files below `dir`; a path that ends in `+x` makes an executable file. */
export async function layFiles(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(dir, path.replace(/\+x$/, ''))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    if (path.endsWith('+x')) await chmod(file, 0o755)
  }
}
