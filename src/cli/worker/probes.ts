/** The probes of `millrace start`: what `--probe-port` and `--probe-host` ask for. */

import type { Runner } from '../../index.ts'
import { usageError } from '../cli-error.ts'

/** The options as they were given. */
export interface ProbeFlags {
  readonly probePort?: number | undefined
  readonly probeHost?: string | undefined
}

/** Probes that are served, or none. */
export interface ServedProbes extends AsyncDisposable {
  readonly url: string | undefined
}

/** Serves what was asked for, until it is disposed of. */
export async function serveProbesOf(
  runner: Runner,
  { probePort: port, probeHost: host }: ProbeFlags,
): Promise<ServedProbes> {
  if (port === undefined) {
    if (host !== undefined)
      throw usageError('--probe-host goes with --probe-port', 'say at which port: --probe-port 9464')
    return { url: undefined, [Symbol.asyncDispose]: async () => {} }
  }
  // HTTP is loaded only where it is wanted.
  const { serveProbes } = await import('../../exporters/index.ts')
  const served = await serveProbes(runner, { port, host })
  return { url: served.url, [Symbol.asyncDispose]: () => served.close() }
}
