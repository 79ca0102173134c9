/** Chance that a seed decides: the same seed gives the same numbers on every machine. */

/** Draws numbers. */
export interface Dice {
  /** From 0 (included) to 1 (excluded). */
  float(): number
  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number
  /** One of the items, of which there is at least one. */
  pick<Item>(items: readonly Item[]): Item
}

/** Mulberry32: small, fast, and good enough to spread faults over a run. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (least: number, most: number): number => least + Math.floor(float() * (most - least + 1))
  return {
    float,
    whole,
    pick: (items) => {
      const item = items[whole(0, items.length - 1)]
      if (item === undefined) throw new Error('there is nothing to pick from')
      return item
    },
  }
}
