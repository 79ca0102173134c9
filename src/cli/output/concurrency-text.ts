/** How many jobs run at the same time, for people. */

import type { ConcurrencyOption } from '../../index.ts'

/** Such as `5` or `2..20`. */
export function concurrencyText(concurrency: ConcurrencyOption): string {
  return typeof concurrency === 'number' ? String(concurrency) : `${concurrency.min}..${concurrency.max}`
}
