/** Chance that is the same again for the same seed (mulberry32): all of a simulation's chance comes from one of these. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  /** A number from `from` up to `to`. */
  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** True with this chance, 0 to 1. */
  isHit(chance: number): boolean {
    return this.next() < chance
  }

  /** Digits of base 32, for ids. */
  digits(count: number): string {
    return Array.from({ length: count }, () => Math.floor(this.next() * 32).toString(32)).join('')
  }
}
