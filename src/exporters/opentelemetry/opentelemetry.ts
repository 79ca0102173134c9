/** Traces and metrics for OpenTelemetry. */

import { createRequire } from 'node:module'

import type * as api from '@opentelemetry/api'

import { nodeHost } from '../../host/host.ts'
import { runnerError } from '../../runner/errors.ts'
import { VERSION } from '../../runner/version.ts'
import type { Telemetry } from '../../telemetry/tracing.ts'
import { EventMetrics } from './event-metrics.ts'
import { Instruments } from './instruments.ts'
import { MessagingTracing } from './messaging-tracing.ts'
import { sdkProbe } from './registered-sdk.ts'

/** The package that a program with OpenTelemetry has. Only its types are here before {@link openTelemetry} is called. */
type Api = typeof api

/**
 * Sends traces and metrics by the API of OpenTelemetry to whichever SDK the program has registered: pass it as the option
 * `telemetry` of `createRunner` and `createClient`. Without an SDK nothing is sent, and it costs next to nothing.
 *
 * Spans follow the semantic conventions 1.45 for messaging: `enqueue` (producer), `claim` (client), `process` (consumer) and
 * `ack` (client). The trace of whoever enqueues is stored with the job and goes on in its handler, and so in the jobs which
 * that enqueues. Metrics are those of the conventions, and one set for each event of the table in `docs/telemetry.md`.
 *
 * @throws `ERR_NO_OPENTELEMETRY` when the package `@opentelemetry/api` is not installed.
 */
export function openTelemetry(): Telemetry {
  const loaded = loadApi()
  const { clock } = nodeHost()
  const instruments = new Instruments(loaded, VERSION)
  const events = new EventMetrics(instruments)
  const isRegistered = sdkProbe(loaded)
  const isActive = (): boolean => {
    const isOn = isRegistered()
    if (isOn) events.listen()
    return isOn
  }
  return {
    tracing: new MessagingTracing(loaded, { clock, instruments, version: VERSION, isActive }),
    attach: (on) => events.attach(on),
  }
}

/** An optional peer: required here and not imported, so that the rest of this module works without it. */
function loadApi(): Api {
  try {
    // What the package of that name is.
    return createRequire(import.meta.url)('@opentelemetry/api') as Api
  } catch (error) {
    throw runnerError(
      'ERR_NO_OPENTELEMETRY',
      'openTelemetry() needs the package "@opentelemetry/api", which cannot be loaded; install it with npm install @opentelemetry/api, and an SDK that is registered before the runner starts',
      { cause: error },
    )
  }
}
