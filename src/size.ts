/** Sizes as people write them. */

/** Reads `35G`, `512M`, `1.5T` or a number of bytes; units are binary, as qemu-img's are. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim())
  if (match === null) return undefined
  const power = ' KMGT'.indexOf((match[2] ?? '').toUpperCase() || ' ')
  return Math.round(Number(match[1]) * 1024 ** power)
}
