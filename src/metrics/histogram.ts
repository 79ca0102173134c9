/**
 * A histogram of durations that can be added to another one, whoever made it: its buckets are the same everywhere.
 *
 * Buckets are log-linear. Up to 16 microseconds each has one of its own; above, every doubling is cut into 16 of equal width.
 * So a value that is read back is off by at most 1/32, from a microsecond to fifty days. What is stored is the count of each
 * bucket that is not empty, by its number; the numbers must therefore never change their meaning.
 */

/** Counts by the number of the bucket, for those that are not empty. */
export type BucketCounts = Readonly<Record<string, number>>

const PARTS_BITS = 4
/** How many buckets a doubling has. */
const PARTS = 2 ** PARTS_BITS
const LONGEST_US = 2 ** 42
const BUCKETS = (42 - PARTS_BITS + 1) * PARTS

/** The number of the bucket that a duration in milliseconds falls into. What is no duration counts as none, or the longest. */
export function bucketOf(ms: number): number {
  const us = Math.floor(ms * 1_000)
  if (!(us >= PARTS)) return us > 0 ? us : 0
  if (us >= LONGEST_US) return BUCKETS - 1
  // Bit operations know 32 bits; longer ones lose digits that do not matter to their bucket.
  const isLong = us >= 2 ** 31
  const short = isLong ? Math.floor(us / 2 ** 16) : us
  const shift = 31 - Math.clz32(short) - PARTS_BITS
  return ((shift + (isLong ? 16 : 0) + 1) << PARTS_BITS) + ((short >> shift) - PARTS)
}

/** The durations of a bucket, in milliseconds: from the first to just before the second. */
export function boundsOf(bucket: number): readonly [fromMs: number, toMs: number] {
  if (bucket < PARTS) return [bucket / 1_000, (bucket + 1) / 1_000]
  const shift = Math.floor(bucket / PARTS) - 1
  const part = PARTS + (bucket % PARTS)
  return [(part * 2 ** shift) / 1_000, ((part + 1) * 2 ** shift) / 1_000]
}

/** Counts durations. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS)
  #count = 0

  /** How many durations were counted. */
  get count(): number {
    return this.#count
  }

  record(ms: number): void {
    const bucket = bucketOf(ms)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#count += 1
  }

  /** Adds what another one has counted. Numbers that are no bucket, from a newer version for instance, are left out. */
  add(counts: BucketCounts): void {
    for (const [bucket, count] of Object.entries(counts)) {
      const index = Number(bucket)
      if (!(index in this.#counts)) continue
      this.#counts[index] = (this.#counts[index] ?? 0) + count
      this.#count += count
    }
  }

  /** What is stored, and what another one adds. */
  toCounts(): BucketCounts {
    const counts: Record<string, number> = {}
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) counts[bucket] = count
    return counts
  }

  /**
   * The duration that a fraction of all were not longer than, in milliseconds: the middle of its bucket. Null when nothing was
   * counted.
   *
   * @param fraction 0.95 for the 95th percentile.
   */
  quantile(fraction: number): number | null {
    if (this.#count === 0) return null
    const rank = Math.max(1, Math.ceil(fraction * this.#count))
    let seen = 0
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count
      if (seen < rank) continue
      const [from, to] = boundsOf(bucket)
      // The middle of a bucket of one microsecond says nothing more than its beginning.
      return bucket < PARTS ? from : (from + to) / 2
    }
    return null
  }

  /** How many were shorter than each of these durations, which rise, and are exact where they are bounds of buckets. */
  countsBelow(bounds: readonly number[]): readonly number[] {
    let below = 0
    let bucket = 0
    return bounds.map((ms) => {
      const end = bucketOf(ms)
      for (; bucket < end; bucket++) below += this.#counts[bucket] ?? 0
      return below
    })
  }
}
