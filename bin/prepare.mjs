// What `npm start`, `npm test` and `npm run bench` do first, on a machine that has Node and npm and nothing else:
// install the npm packages, build, make `npx farm` work. Each step is left out when it has nothing to do.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const SOURCES = ['src', 'recipes', 'tasks', 'phases', 'test', 'bench']
const STAMP = join(root, 'dist', '.sources')

/** Says what is being done. Standard output is left to what comes after. */
export function say(text) {
  process.stderr.write(`${text}\n`)
}

/** Ends the process with a message. */
export function stop(what, hint) {
  say(`${what}${hint === undefined ? '' : `\n  hint: ${hint}`}`)
  process.exit(1)
}

/** Installs, builds and links, as far as needed. */
export function prepare() {
  if (!isInstalled()) {
    say('Installing npm packages …')
    step('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], 'npm could not install the packages', 'is the npm registry within reach? `npm ci` shows more')
  }
  const sources = digest()
  if (readText(STAMP) !== sources || !existsSync(join(root, 'dist', 'src', 'cli', 'main.js'))) {
    say('Building …')
    rmSync(STAMP, { force: true })
    removeOrphans()
    step(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'], 'the build failed', 'the compiler says why above')
    writeFileSync(STAMP, sources)
  }
  link()
}

/** True when every package of the lock file is there in its version: npm notes what it installed in a lock file of its own. */
function isInstalled() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {}
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages ?? {}
  return Object.entries(wanted).every(([path, { version, optional }]) => path === '' || optional === true || (present[path]?.version === version && existsSync(join(root, path))))
}

/** Changes whenever a source is added, changed or removed. */
function digest() {
  const hash = createHash('sha256')
  for (const file of [...SOURCES.flatMap((folder) => filesBelow(join(root, folder))), join(root, 'tsconfig.json'), join(root, 'package-lock.json')]) {
    const { mtimeMs, size } = statSync(file)
    hash.update(`${relative(root, file)} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex')
}

/** Compiled files without a source would be run as tests for ever; and tsc trusts its notes more than the directory. */
function removeOrphans() {
  const orphans = SOURCES.flatMap((folder) => filesBelow(join(root, 'dist', folder))).filter((file) => !existsSync(join(root, relative(join(root, 'dist'), file)).replace(/\.js$/, '.ts')))
  for (const file of orphans) rmSync(file)
  const complete = SOURCES.flatMap((folder) => filesBelow(join(root, folder))).every((file) => !file.endsWith('.ts') || file.endsWith('.d.ts') || existsSync(join(root, 'dist', relative(root, file)).replace(/\.ts$/, '.js')))
  if (!complete) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true })
}

function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : entry.isFile() ? [join(folder, entry.name)] : []))
}

/** node_modules/.bin/farm is where npx looks. */
function link() {
  const from = join(root, 'node_modules', '.bin', 'farm')
  const to = join('..', '..', 'bin', 'farm')
  chmodSync(join(root, 'bin', 'farm'), 0o755)
  if (lstatSync(from, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(from) === to) return
  rmSync(from, { force: true })
  mkdirSync(dirname(from), { recursive: true })
  symlinkSync(to, from)
}

function step(program, args, what, hint) {
  // Output goes to standard error: `npm start -- --json` is read by machines.
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) stop(`${what}${error === undefined ? '' : `: ${error.message}`}`, hint)
}

/** Runs a program on this terminal; resolves with its exit code (128 + n for signal n, as shells do). */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', ...options })
    // Ctrl-C reaches the child by itself; this process must outlive it to pass its exit code on.
    const ignore = () => {}
    const forward = (signal) => child.kill(signal)
    process.on('SIGINT', ignore).on('SIGTERM', forward).on('SIGHUP', forward)
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore).off('SIGTERM', forward).off('SIGHUP', forward)
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function readJson(file) {
  const text = readText(file)
  return text === undefined ? undefined : JSON.parse(text)
}
