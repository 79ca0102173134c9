/** Where the library decided to do otherwise than GenStage. */

/** Scenarios without an `alt` where we decided to do otherwise, and why. Each must really differ: a listed scenario that passes fails. */
export const DEVIATIONS: Readonly<Record<string, string>> = {
  'info-in-unbounded-buffer':
    'an info waits behind the last event in every buffer alike; it is no event, is not counted, and costs no demand',
  'partition-cancel-queue': "a partition's queue is kept for its next consumer instead of dropped",
  'partition-info-idle': 'an info waits behind the last event in the buffer, whatever the partitions hold',
  'partition-taken-crash': 'a subscription to a taken partition is refused, and the producer lives on',
  'pc-demand-mode-crash': 'a producer-consumer answers "forward" when asked for its demand mode, and lives on',
}
