/** millrace as it is published: from dist/, with the types of the source. */

import type * as Telemetry from '../../src/exporters/index.ts'
import type * as Millrace from '../../src/index.ts'

// dist/ is built from these sources before the program starts.
export const { createRunner, currentJob, job, webhookNotifier } = (await import(distUrl('index.js'))) as typeof Millrace
export const { openTelemetry, serveProbes } = (await import(distUrl('exporters/index.js'))) as typeof Telemetry

function distUrl(file: string): string {
  return new URL(`../../dist/${file}`, import.meta.url).href
}
