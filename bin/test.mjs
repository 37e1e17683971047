// `npm test`: prepares, installs what the tests need, runs them. Arguments choose files: `npm test -- unit/host e2e/lab`.
// Unit tests run side by side; the others start real daemons and machines, and run one file after the other.
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { PassThrough } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { prepare, root, say, stop } from './prepare.mjs'
import { needTools } from './tools.mjs'

/** Titles of tests that may be skipped in CI. */
const MAY_SKIP = []

prepare()
const folder = join(root, 'dist', 'test')
const filters = process.argv.slice(2).map((filter) => filter.replace(/^test\//, '').replace(/\.ts$/, ''))
const files = testFiles(folder).filter((file) => filters.length === 0 || filters.some((filter) => relative(folder, file).includes(filter)))
if (files.length === 0) stop(filters.length === 0 ? 'there are no tests' : `no test file matches ${filters.join(' or ')}`)
needTools()

const isUnit = (file) => relative(folder, file).startsWith('unit')
const counts = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0, duration_ms: 0 }
const skipped = []
const empty = []
const events = new PassThrough({ objectMode: true })
const report = new spec()
events.pipe(report).pipe(process.stdout)

await runFiles(files.filter(isUnit), Math.max(2, availableParallelism()))
await runFiles(files.filter((file) => !isUnit(file)), 1)
for (const [name, value] of Object.entries(counts)) events.write({ type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${value}` } })
events.end()
await new Promise((resolve) => report.once('end', resolve))

if (counts.fail + counts.cancelled > 0) process.exitCode = 1
if (counts.pass === 0) fail('no test ran')
if (empty.length > 0) fail(`no test ran in ${empty.map((file) => relative(root, file)).join(', ')}`)
const unexcused = skipped.filter((title) => !MAY_SKIP.includes(title))
if (unexcused.length > 0 && process.env.CI) fail(`tests were skipped, which counts as failure in CI:\n  ${unexcused.join('\n  ')}`)

/** Runs files and passes their events on; the summaries of both runs are added up into one. */
async function runFiles(chosen, concurrency) {
  if (chosen.length === 0) return
  for await (const event of run({ files: chosen, concurrency })) {
    const [, name, value] = /^(\w+) ([\d.]+)$/.exec(event.type === 'test:diagnostic' && event.data.nesting === 0 ? event.data.message : '') ?? []
    if (name in counts) counts[name] += Number(value)
    else if (event.type !== 'test:summary') events.write(event)
    // A file in which node finds no test passes as a test of the file's own name.
    if (event.type === 'test:pass' && event.data.nesting === 0 && chosen.includes(event.data.name)) empty.push(event.data.name)
    if (event.type === 'test:pass' && event.data.skip !== undefined && event.data.skip !== false) skipped.push(event.data.name)
  }
}

function testFiles(below) {
  if (!existsSync(below)) return []
  return readdirSync(below, { recursive: true }).filter((file) => file.endsWith('.test.js')).sort().map((file) => join(below, file))
}

function fail(why) {
  say(why)
  process.exitCode = 1
}
