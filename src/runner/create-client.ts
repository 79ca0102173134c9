/** `createClient`: a producer that imports only the types of a runner, with no code of the jobs and no worker. */

import { nodeHost } from '../host/host.ts'
import { Bus } from '../telemetry/bus.ts'
import { readClientConfig, type ClientOptions } from './config.ts'
import { databaseRemark, openStore } from './database.ts'
import { CHANNEL_PREFIX, type RunnerEvents } from './events.ts'
import { JobAccess } from './job-access.ts'
import { PublishedTargets } from './published-jobs.ts'
import type { AnyRunner, Client, JobsOf, Runner, UntypedJobs } from './runner.ts'

/**
 * Makes a client: `createClient<typeof runner>({ database })`; without the type it takes every name and any args. Does no I/O and has no side effects, so a module that calls it
 * may be imported anywhere.
 *
 * @param options The same database as the runner's.
 * @throws `ConfigurationError` with every problem at once.
 */
export function createClient<Of extends AnyRunner = Runner<UntypedJobs>>(
  options: ClientOptions = {},
): Client<JobsOf<Of>> {
  const { database, telemetry } = readClientConfig(options)
  const host = nodeHost(options.host)
  const store = openStore(host, database)
  const published = new PublishedTargets(host.clock, store)
  const access = new JobAccess(host, {
    title: 'client',
    store,
    bus: new Bus<RunnerEvents>(host.logger, CHANNEL_PREFIX),
    telemetry,
    resolve: (target) => published.resolve(target),
    concurrencyOf: () => null,
    worker: () => undefined,
    remark: databaseRemark(database),
  })
  // The implementation takes any name; the interface narrows it to the jobs of the runner.
  return access as unknown as Client<JobsOf<Of>>
}
