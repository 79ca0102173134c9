/**
 * `webhookNotifier`: sends dead letters to an address by HTTP. What is not answered with a 2xx in time is an error, so that
 * `onDeadLetter` is called again. Redirects are errors too: nobody but the address that was named gets what is sent.
 */

import { nodeClock } from '../../host/clock.ts'
import { hmacSha256 } from '../../host/digest.ts'
import { durationProblem, parseDuration, type Duration } from '../../job/duration.ts'
import { ConfigurationError } from '../../job/errors.ts'
import { jsonText } from '../../job/json-text.ts'
import { optionReader } from '../../job/option-reader.ts'
import type { DeadLetterContext } from '../config.ts'
import type { DeadLetter } from '../job-view.ts'
import { deadLetterText } from './dead-letter-text.ts'

/** Options of {@link webhookNotifier}. */
export interface WebhookNotifierOptions {
  /** Where to: `https://…` or `http://…`. */
  readonly url: string | URL
  /**
   * What is sent: an object, as JSON, or a text as it is. Default: `text`, which chats understand, and the id, name, queue, key,
   * attempts, error, fingerprint and end of the job. Its args are not sent.
   */
  readonly template?: ((dead: DeadLetter) => object | string) | undefined
  /**
   * With it each call carries the header `millrace-signature: sha256=…`: the HMAC-SHA-256 of the body in hexadecimal digits, by
   * which the receiver knows who sent it.
   */
  readonly secret?: string | undefined
  /** Headers to add, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How long an answer may take. Default: `'10s'`. */
  readonly timeout?: Duration | undefined
}

const NAMES = ['url', 'template', 'secret', 'headers', 'timeout'] as const
const DEFAULT_TIMEOUT_MS = 10_000

/**
 * Makes a function for `onDeadLetter` that sends each dead letter with a POST. The header `idempotency-key` is the same when
 * one is sent again.
 *
 * @param options See {@link WebhookNotifierOptions}.
 * @throws `ConfigurationError` with every problem at once.
 */
export function webhookNotifier(
  options: WebhookNotifierOptions,
): (dead: DeadLetter, context?: DeadLetterContext) => Promise<void> {
  const { url, template, secret, headers, timeoutMs } = readOptions(options)
  return async (dead, context) => {
    const content = template(dead)
    const body = typeof content === 'string' ? content : jsonText(content)
    const timeout = new AbortController()
    const timer = nodeClock().after(
      timeoutMs,
      () => timeout.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')),
      { keepAlive: false },
    )
    try {
      const answer = await fetch(url, {
        method: 'POST',
        body,
        redirect: 'error',
        signal: context === undefined ? timeout.signal : AbortSignal.any([timeout.signal, context.signal]),
        headers: {
          'content-type': typeof content === 'string' ? 'text/plain; charset=utf-8' : 'application/json',
          'idempotency-key': `${dead.id}/${dead.endedAt.getTime()}`,
          ...(secret === undefined ? {} : { 'millrace-signature': `sha256=${hmacSha256(secret, body)}` }),
          ...headers,
        },
      })
      // Whatever it says is of no interest, but must be taken for the connection to be used again.
      await answer.body?.cancel()
      if (!answer.ok) throw new Error(`the webhook at ${url.origin} answered ${answer.status}`)
    } finally {
      timer.cancel()
    }
  }
}

/** What is sent where the user says nothing else. */
function defaultContent(dead: DeadLetter): object {
  const { id, name, queue, key, attempt, maxAttempts, fingerprint, endedAt } = dead
  const error = { name: dead.error.name, message: dead.error.message, code: dead.error.code }
  return { text: deadLetterText(dead), id, name, queue, key, attempt, maxAttempts, error, fingerprint, endedAt }
}

function readOptions(options: unknown): {
  readonly url: URL
  readonly template: (dead: DeadLetter) => object | string
  readonly secret: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
} {
  const problems: string[] = []
  const of = 'webhookNotifier'
  const reader = optionReader({ value: options, of, names: NAMES, problems })
  const url = readUrl(reader.get('url'), problems)
  const template = reader.get('template') ?? defaultContent
  if (typeof template !== 'function') problems.push(`option "template" of ${of} must be a function`)
  const secret = reader.get('secret')
  if (secret !== undefined && (typeof secret !== 'string' || secret === '')) {
    problems.push(`option "secret" of ${of} must be a text; is the variable set that it comes from?`)
  }
  const headers = reader.get('headers') ?? {}
  if (typeof headers !== 'object') problems.push(`option "headers" of ${of} must be an object of texts`)
  const timeout = reader.get('timeout')
  const wrong = timeout === undefined ? undefined : durationProblem(timeout, `option "timeout" of ${of}`)
  if (wrong !== undefined) problems.push(wrong)
  if (problems.length > 0 || url === undefined) throw new ConfigurationError(problems, { of })
  return {
    url,
    // Checked above; what the function takes is the user's to get right.
    template: template as (dead: DeadLetter) => object | string,
    secret: typeof secret === 'string' ? secret : undefined,
    headers: headers as Readonly<Record<string, string>>,
    timeoutMs: timeout === undefined ? DEFAULT_TIMEOUT_MS : parseDuration(timeout, 'timeout'),
  }
}

function readUrl(value: unknown, problems: string[]): URL | undefined {
  const text = value instanceof URL ? value.href : value
  if (typeof text === 'string' && URL.canParse(text)) {
    const url = new URL(text)
    if (url.protocol === 'https:' || url.protocol === 'http:') return url
  }
  // An address may hold a secret: it is not shown.
  problems.push('option "url" of webhookNotifier must be an address that begins with https:// or http://')
  return undefined
}
