/** `consoleNotifier`: writes dead letters to standard error, one line each. */

import { nodeLogger } from '../../host/logger.ts'
import type { DeadLetter } from '../job-view.ts'
import { deadLetterText, plainLine } from './dead-letter-text.ts'

/** Options of {@link consoleNotifier}. */
export interface ConsoleNotifierOptions {
  /** What is written. Control characters are replaced. Default: the job's name, attempt, queue and id, and its error. */
  readonly template?: ((dead: DeadLetter) => string) | undefined
}

/**
 * Makes a function for `onDeadLetter` that writes a line to standard error.
 *
 * @param options See {@link ConsoleNotifierOptions}.
 */
export function consoleNotifier(options: ConsoleNotifierOptions = {}): (dead: DeadLetter) => void {
  const { template = deadLetterText } = options
  const logger = nodeLogger()
  return (dead) =>
    logger.log({ level: 'error', code: 'dead_letter', args: [dead.id, dead.name], message: plainLine(template(dead)) })
}
