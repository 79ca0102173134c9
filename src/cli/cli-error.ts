/** The errors of the command line, and how any error is told. */

import { CommanderError } from 'commander'

import { cleanText } from './output/clean-text.ts'
import { maskPasswords } from '../host/mask-passwords.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'

/** Options of {@link CliError}. */
export interface CliErrorOptions {
  readonly exitCode: ExitCode
  /** What to do next, as a sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** The command cannot do what was asked; the message says what was tried and what came back. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  readonly exitCode: ExitCode
  readonly hint: string | undefined

  constructor(message: string, { exitCode, hint, cause }: CliErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.exitCode = exitCode
    this.hint = hint
  }
}

/** The command was used wrongly. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(message, { exitCode: EXIT.usage, hint })
}

/** What is asked for does not exist. */
export function notFoundError(message: string, hint?: string): CliError {
  return new CliError(message, { exitCode: EXIT.notFound, hint })
}

/** An error as it is told: nothing in it can move a cursor or give a password away. */
export interface ToldError {
  /** The stable code of the error, or the meaning of its exit code. */
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly exitCode: ExitCode
  readonly stack: string
}

/** Puts whatever was thrown into words. */
export function tellError(error: unknown): ToldError {
  const code = codeOf(error)
  const exitCode = readExitCode(error, code)
  const message = error instanceof Error ? error.message : String(error)
  const safe = (text: string): string => maskPasswords(cleanText(text)).trim()
  return {
    code: code ?? meaningOf(exitCode),
    message:
      safe(error instanceof CommanderError ? commanderMessage(message) : message) || 'an error without a message',
    hint: error instanceof CliError && error.hint !== undefined ? safe(error.hint) : undefined,
    exitCode,
    stack: safe(stackOf(error)),
  }
}

/** The parser's words in the form that all other errors have. */
function commanderMessage(message: string): string {
  return message.replace(/^error: /, '').replace(/\n\(Did you mean (.+)\?\)$/, '; did you mean $1?')
}

function readExitCode(error: unknown, code: string | undefined): ExitCode {
  if (error instanceof CliError) return error.exitCode
  if (error instanceof CommanderError) return EXIT.usage
  return (code === undefined ? undefined : exitCodeOf(code)) ?? EXIT.failed
}

/** Errors of another copy of the package are no instances of our classes, but their codes are the same. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof CommanderError || typeof error !== 'object' || error === null) return undefined
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : undefined
}

function meaningOf(exitCode: ExitCode): string {
  return exitCode === EXIT.notFound
    ? 'not-found'
    : (Object.entries(EXIT).find(([, code]) => code === exitCode)?.[0] ?? 'failed')
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`
}
