/** Rows of text in aligned columns. */
import { clean, pad, paint, width } from '../report/index.ts'

/** Lays out rows below a heading; the last column is not filled up, so that lines have no trailing blanks. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], colour: boolean): string[] {
  const safe = rows.map((row) => row.map(clean))
  const columns = heading.map((title, index) => Math.max(width(title), ...safe.map((row) => width(row[index] ?? ''))))
  const layout = (row: readonly string[]): string => row.map((cell, index) => (index === row.length - 1 ? cell : pad(cell, columns[index] ?? 0))).join('  ').trimEnd()
  return [paint('bold', layout(heading), colour), ...safe.map(layout)]
}
