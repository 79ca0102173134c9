/** What the threaded store and its thread say to each other. Each call is answered once, in the order of the calls. */

import { RunnerError } from '../../host/errors.ts'
import type { LogRecord } from '../../host/logger.ts'
import type { RescueRequest } from '../store.ts'
import type { BeatingNode, CoreOptions, CoreVerb } from './core.ts'

/** What a thread is started with. */
export interface ThreadSettings {
  readonly core: CoreOptions
  /** The memory of a `BlockingAnswer`, which is given when the thread ends. */
  readonly ended: SharedArrayBuffer
}

/** To the thread. */
export type ThreadRequest =
  | { readonly type: 'call'; readonly id: number; readonly verb: CoreVerb; readonly args: readonly unknown[] }
  /** Whether to look out for changes by others. */
  | { readonly type: 'listen'; readonly isListening: boolean }
  /** Beat for a node that a thread before this one registered. */
  | { readonly type: 'beat'; readonly node: BeatingNode }
  /** The memory of a node's `BeatMark`. */
  | { readonly type: 'mark'; readonly node: string; readonly memory: SharedArrayBuffer }
  /** Rescue the node, and answer into this memory: nobody on the other side can receive a message any more. */
  | { readonly type: 'rescue'; readonly request: RescueRequest; readonly memory: SharedArrayBuffer }
  /** The process ends: close the database and end, without an answer. */
  | { readonly type: 'halt' }
  /** Close the database, answer, and end. */
  | { readonly type: 'close'; readonly id: number }

/** From the thread. */
export type ThreadReply =
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: SentError }
  | { readonly type: 'change' }
  | { readonly type: 'log'; readonly record: LogRecord }

/** An error on its way between threads, which do not share classes. */
export interface SentError {
  readonly code: string
  readonly message: string
  /** The stack or the text of what caused it. */
  readonly cause: string | null
}

/** Prepares an error for the way. */
export function packError(error: unknown): SentError {
  if (error instanceof RunnerError) {
    const { code, message, cause } = error
    return { code, message, cause: cause === undefined ? null : describe(cause) }
  }
  return {
    code: 'ERR_ASSERTION',
    message: `the store's thread failed; this is a bug in millrace`,
    cause: describe(error),
  }
}

/** The error as it was before the way. */
export function unpackError(sent: SentError): RunnerError {
  return new RunnerError(sent.code, sent.message, sent.cause === null ? undefined : { cause: new Error(sent.cause) })
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
