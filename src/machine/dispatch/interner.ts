/** Small numbers for values, the same for equal values. */
export class Interner<Value extends object> {
  readonly #parts: (value: Value) => readonly unknown[]
  readonly #byText = new Map<string, number>()
  readonly #byIdentity = new Map<object, number>()

  /** `parts`: what of a value counts. */
  constructor(parts: (value: Value) => readonly unknown[]) {
    this.#parts = parts
  }

  number(value: Value): number {
    const known = this.#byIdentity.get(value)
    if (known !== undefined) return known
    const text = JSON.stringify(this.#parts(value))
    const number = this.#byText.get(text) ?? this.#byText.size
    this.#byText.set(text, number)
    this.#byIdentity.set(value, number)
    return number
  }
}
