/**
 * The numbers that Python's `random.Random(text)` draws, so that a port or a MAC address that Ansible made of a seed stays the same:
 * the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded as CPython seeds it with text (version 2: the text's bytes and
 * their SHA-512, as one large number, in 32-bit words from the lowest).
 */
import { createHash } from 'node:crypto'

const SIZE = 624
const SHIFT = 397

/** A stream of numbers; the same for the same seed, on every machine. */
export class PythonRandom {
  readonly #state = new Uint32Array(SIZE)
  #index = SIZE

  constructor(seed: string) {
    const bytes = Buffer.from(seed)
    const number = Buffer.concat([bytes, createHash('sha512').update(bytes).digest()]).reverse()
    const padded = Buffer.concat([number, Buffer.alloc((4 - (number.length % 4)) % 4)])
    const words = Array.from({ length: padded.length / 4 }, (_, index) => padded.readUInt32LE(index * 4))
    while (words.length > 1 && words.at(-1) === 0) words.pop()
    this.#seed(words)
  }

  /** A whole number from `from` up to, and not including, `to`: Python's randrange. */
  range(from: bigint, to: bigint): bigint {
    const width = to - from
    const bits = width.toString(2).length
    let drawn = this.#bits(bits)
    while (drawn >= width) drawn = this.#bits(bits)
    return from + drawn
  }

  #bits(count: number): bigint {
    let result = 0n
    for (let done = 0; done < count; done += 32) {
      const left = Math.min(32, count - done)
      result |= BigInt(this.#word() >>> (32 - left)) << BigInt(done)
    }
    return result
  }

  /** init_by_array of the reference implementation. */
  #seed(words: readonly number[]): void {
    const state = this.#state
    state[0] = 19650218
    for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, this.#mixed(i)) + i
    let i = 1
    let j = 0
    const step = (factor: number, add: number): void => {
      state[i] = (at(state, i) ^ Math.imul(this.#mixed(i), factor)) + add
      if (++i >= SIZE) {
        state[0] = at(state, SIZE - 1)
        i = 1
      }
    }
    for (let k = Math.max(SIZE, words.length); k > 0; k--) {
      step(1664525, (words[j] as number) + j)
      j = (j + 1) % words.length
    }
    for (let k = SIZE - 1; k > 0; k--) step(1566083941, -i)
    state[0] = 0x80000000
  }

  #mixed(i: number): number {
    const before = at(this.#state, i - 1)
    return before ^ (before >>> 30)
  }

  #word(): number {
    if (this.#index >= SIZE) this.#refill()
    let word = at(this.#state, this.#index++)
    word ^= word >>> 11
    word ^= (word << 7) & 0x9d2c5680
    word ^= (word << 15) & 0xefc60000
    return (word ^ (word >>> 18)) >>> 0
  }

  #refill(): void {
    const state = this.#state
    for (let i = 0; i < SIZE; i++) {
      const joined = (at(state, i) & 0x80000000) | (at(state, (i + 1) % SIZE) & 0x7fffffff)
      state[i] = at(state, (i + SHIFT) % SIZE) ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0)
    }
    this.#index = 0
  }
}

function at(state: Uint32Array, index: number): number {
  return state[index] as number
}
