/** Nanoseconds of the machine's monotonic clock, which all processes share. Exact to a microsecond after weeks of uptime. */
export function now(): number {
  return Number(process.hrtime.bigint())
}
