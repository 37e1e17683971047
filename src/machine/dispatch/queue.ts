/** Hypervisors in the order of their price for one kind of machine, when prices only ever rise. */

/**
 * A binary heap whose keys may be out of date. Placing a machine raises the price of its hypervisor in every queue that holds
 * it; since prices never fall, an old price is a lower bound, and it suffices to look again at what comes to the top.
 */
export class LazyQueue {
  readonly #items: Int32Array
  readonly #keys: Float64Array
  #size: number

  /** `price`: what an item costs now. Equal prices: the lower number first. */
  constructor(items: readonly number[], price: (item: number) => number) {
    this.#items = Int32Array.from(items)
    this.#keys = Float64Array.from(items, price)
    this.#size = items.length
    for (let at = (this.#size >> 1) - 1; at >= 0; at -= 1) this.#sink(at)
  }

  /** The cheapest item that may still be taken; one that `open` refuses is refused for good. It stays in the queue. */
  cheapest(price: (item: number) => number, open: (item: number) => boolean): number | undefined {
    while (this.#size > 0) {
      const item = this.#items[0] ?? 0
      if (!open(item)) {
        this.#size -= 1
        this.#swap(0, this.#size)
      } else {
        const now = price(item)
        if (now === this.#keys[0]) return item
        this.#keys[0] = now
      }
      this.#sink(0)
    }
    return undefined
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#keys[a] ?? 0, this.#keys[b] ?? 0]
    return one === other ? (this.#items[a] ?? 0) < (this.#items[b] ?? 0) : one < other
  }

  #swap(a: number, b: number): void {
    const [item, key] = [this.#items[a] ?? 0, this.#keys[a] ?? 0]
    this.#items[a] = this.#items[b] ?? 0
    this.#keys[a] = this.#keys[b] ?? 0
    this.#items[b] = item
    this.#keys[b] = key
  }

  #sink(from: number): void {
    for (let at = from; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let first = at
      if (left < this.#size && this.#before(left, first)) first = left
      if (right < this.#size && this.#before(right, first)) first = right
      if (first === at) return
      this.#swap(at, first)
      at = first
    }
  }
}
