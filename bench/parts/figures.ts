/** Numbers of a bench: medians, and how they are shown. */

/** The middle value; of an even count the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const [low, high] = sorted.length % 2 === 1 ? [sorted[half], sorted[half]] : [sorted[half - 1], sorted[half]]
  return ((low ?? NaN) + (high ?? NaN)) / 2
}

/** A figure with the most, or the least, that it may be. */
export interface Figure {
  readonly name: string
  /** The median of `values`. */
  readonly value: number
  readonly unit: 's' | 'ms' | '×' | '%' | 'MB' | ''
  readonly limit?: number | undefined
  /** Whether the limit is a least one. */
  readonly atLeast?: boolean
  readonly values: readonly number[]
}

/** A figure that may not exceed its limit. */
export function figure(name: string, unit: Figure['unit'], values: readonly number[], limit?: number): Figure {
  return { name, unit, value: median(values), values, limit }
}

/** A figure that may not stay below its limit. */
export function figureAtLeast(name: string, unit: Figure['unit'], values: readonly number[], limit: number): Figure {
  return { name, unit, value: median(values), values, limit, atLeast: true }
}

const isKept = ({ value, limit, atLeast = false }: Figure): boolean => limit === undefined || (atLeast ? value >= limit : value <= limit)

/** Figures as a Markdown table: median, lowest to highest, limit, verdict. */
export function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map((one) => {
    const { name, value, unit, values, limit, atLeast = false } = one
    const bound = limit === undefined ? ['', ''] : [`${atLeast ? '≥' : '≤'} ${show(limit)} ${unit}`, isKept(one) ? 'kept' : 'MISSED']
    return [name, `${show(value)} ${unit}`, values.length < 2 ? '' : `${show(Math.min(...values))} to ${show(Math.max(...values))}`, ...bound]
  })
  return table(['figure', 'median', 'range', 'limit', ''], rows)
}

/** Rows under a heading, as a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]): string => `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** A number with as many digits as mean something. */
export function show(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}
