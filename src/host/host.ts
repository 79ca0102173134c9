/** All that comes from outside: time, chance, log, trace, processes. Made once, passed by hand. */

import { nodeClock, type Clock } from './clock.ts'
import { nodeLogger, type Logger } from './logger.ts'
import { nodeProcesses, type Processes } from './processes.ts'
import { nodeRandom, type Random } from './random.ts'
import { noTrace, type Trace } from './trace.ts'

export type { Clock, Timer } from './clock.ts'
export type { Logger, LogLevel, LogRecord } from './logger.ts'
export type { Processes } from './processes.ts'
export type { Random } from './random.ts'
export type { Trace } from './trace.ts'

/** The outside world as the rest of the code sees it. */
export interface Host {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly trace: Trace
  readonly processes: Processes
}

/**
 * The host of a Node.js process.
 *
 * @param parts Ports to use instead of the defaults, such as a logger of your own.
 */
export function nodeHost(parts: Partial<Host> = {}): Host {
  return {
    clock: parts.clock ?? nodeClock(),
    random: parts.random ?? nodeRandom(),
    logger: parts.logger ?? nodeLogger(),
    trace: parts.trace ?? noTrace(),
    processes: parts.processes ?? nodeProcesses(),
  }
}
