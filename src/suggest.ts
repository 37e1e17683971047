/** "Did you mean …": the known word that is nearest to a mistyped one. */

/** A hint naming the known word nearest to `wrong`, or undefined when none is near. */
export function didYouMean(wrong: string, known: Iterable<string>): string | undefined {
  const best = nearest(wrong, known)
  return best === undefined ? undefined : `did you mean ${best}?`
}

/** The nearest of `known`, or undefined when nothing is near enough to be what was meant. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly cost: number } | undefined
  for (const name of known) {
    const cost = name.startsWith(word) && word.length > 1 ? 0.5 : distance(word.toLowerCase(), name.toLowerCase())
    if (cost <= Math.max(1, Math.floor(Math.max(word.length, name.length) / 3)) && cost < (best?.cost ?? Infinity)) best = { name, cost }
  }
  return best?.name
}

/** Edits that lead from one word to the other; swapping neighbours is one (optimal string alignment). */
export function distance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(at(rows, row - 1, column) + 1, (current[column - 1] ?? 0) + 1, at(rows, row - 1, column - 1) + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) cost = Math.min(cost, at(rows, row - 2, column - 2) + 1)
      current.push(cost)
    }
    rows.push(current)
  }
  return at(rows, from.length, to.length)
}

function at(rows: readonly (readonly number[])[], row: number, column: number): number {
  return rows[row]?.[column] ?? 0
}
