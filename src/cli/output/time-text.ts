/** Lengths of time for people. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** Such as `0.4 ms`, `12 ms`, `3.4 s`, `2m 10s`, `3h`, `4d 2h`. */
export function durationText(ms: number): string {
  if (ms < 10) return `${Math.max(0, Math.round(ms * 10) / 10)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${Math.floor(ms / 100) / 10} s`
  const index = UNITS.findIndex(([, size]) => ms >= size)
  const [unit, size] = UNITS[index] ?? UNITS[3]
  const [smaller, smallerSize] = UNITS[index + 1] ?? UNITS[3]
  const whole = Math.floor(ms / size)
  const rest = Math.floor((ms - whole * size) / smallerSize)
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit} ${rest}${smaller}`
}

/** Such as `3.4 s ago` or `in 2h`. */
export function relativeText(at: number, now: number): string {
  return at > now ? `in ${durationText(at - now)}` : `${durationText(now - at)} ago`
}
