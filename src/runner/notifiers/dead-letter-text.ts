/** A dead letter in words: what the ready-made notifiers say where the user says nothing else. */

import type { DeadLetter } from '../job-view.ts'

const LONGEST_MESSAGE = 500

/** One line, without control characters: `mailer.sendWelcome failed for good (attempt 3 of 3): …`. */
export function deadLetterText({ name, id, queue, attempt, maxAttempts, error }: DeadLetter): string {
  const isPlain = error.name === 'Error' || error.name === ''
  const what = isPlain ? error.message : `${error.name}: ${error.message}`
  return plainLine(
    `${name} failed for good (attempt ${attempt} of ${maxAttempts}, queue ${queue}, id ${id}): ${what.slice(0, LONGEST_MESSAGE)}`,
  )
}

/** Text of jobs on a terminal: an escape sequence in an error must not reach it. */
export function plainLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
}
