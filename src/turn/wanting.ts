/**
 * What may have work that was not loaded, each once and in the order in which it is asked: that of which nothing is held
 * apart from that which has a backlog, so that neither is looked through for the other.
 */
export class Wanting<T> {
  readonly #fresh = new Set<T>()
  readonly #more = new Set<T>()
  readonly #isHeld: (slice: T) => boolean

  /** `isHeld`: whether something of it is held at this moment. */
  constructor(isHeld: (slice: T) => boolean) {
    this.#isHeld = isHeld
  }

  get size(): number {
    return this.#fresh.size + this.#more.size
  }

  /** How many there are of which nothing is held, or was when they were placed. */
  get freshSize(): number {
    return this.#fresh.size
  }

  has(slice: T): boolean {
    return this.#fresh.has(slice) || this.#more.has(slice)
  }

  /** Stands behind the others; where it stands already, it keeps its place. */
  add(slice: T): void {
    if (!this.has(slice)) this.#place(slice)
  }

  /** Stands behind the others, wherever it stood. */
  again(slice: T): void {
    this.delete(slice)
    this.#place(slice)
  }

  delete(slice: T): void {
    if (!this.#fresh.delete(slice)) this.#more.delete(slice)
  }

  clear(): void {
    this.#fresh.clear()
    this.#more.clear()
  }

  /** Those of which nothing is held, in their order. */
  *fresh(): Generator<T> {
    for (const slice of this.#fresh) {
      if (this.#isHeld(slice)) this.again(slice)
      else yield slice
    }
  }

  /** Those of which something is held, in their order. */
  *more(): Generator<T> {
    for (const slice of this.#more) {
      if (this.#isHeld(slice)) yield slice
      else this.again(slice)
    }
  }

  *[Symbol.iterator](): Generator<T> {
    yield* this.#fresh
    yield* this.#more
  }

  #place(slice: T): void {
    if (this.#isHeld(slice)) this.#more.add(slice)
    else this.#fresh.add(slice)
  }
}
