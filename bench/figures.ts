/** Numbers of a bench: medians, and how they are shown. */

/** The middle value; of an even count the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const [low, high] = sorted.length % 2 === 1 ? [sorted[half], sorted[half]] : [sorted[half - 1], sorted[half]]
  return ((low ?? NaN) + (high ?? NaN)) / 2
}

/** A figure with the most that it may be. */
export interface Figure {
  readonly name: string
  /** The median of `values`. */
  readonly value: number
  readonly unit: 's' | 'ms' | '×' | '%'
  readonly limit?: number | undefined
  readonly values: readonly number[]
}

export function figure(name: string, unit: Figure['unit'], values: readonly number[], limit?: number): Figure {
  return { name, unit, value: median(values), values, limit }
}

/** Figures as a Markdown table: median, lowest to highest, limit, verdict. */
export function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, values, limit }) => [
    name,
    `${show(value)} ${unit}`,
    `${show(Math.min(...values))} to ${show(Math.max(...values))}`,
    limit === undefined ? '' : `${show(limit)} ${unit}`,
    limit === undefined ? '' : value <= limit ? 'kept' : 'MISSED',
  ])
  const head = ['figure', 'median', 'range', 'limit', '']
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function show(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}
