/** Did you mean …? */

/** A hint naming the known word nearest to `wrong`, or undefined when none is near. */
export function didYouMean(wrong: string, known: Iterable<string>): string | undefined {
  const best = nearest(wrong, known)
  return best === undefined ? undefined : `did you mean ${best}?`
}

/** The known word nearest to `wrong`, or undefined when none is near. */
export function nearest(wrong: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(1, Math.floor(wrong.length / 3)) + 1
  for (const word of known) {
    if (Math.abs(word.length - wrong.length) >= least) continue
    const far = distance(wrong.toLowerCase(), word.toLowerCase())
    if (far < least) [best, least] = [word, far]
  }
  return best
}

/** Edits between two words; two neighbours that changed places are one. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 0; i < a.length; i++) {
    const row = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const kept = (previous[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      const swapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j] ? (before[j - 1] ?? 0) + 1 : kept
      row.push(Math.min(kept, swapped, (previous[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1))
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}
