/** What nodes publish of their jobs, and `readPublishedJobs`. */

import type { PublishedJob } from '../../store.ts'
import { parseJson } from '../../stored-values.ts'
import type { Db } from '../connection.ts'

const PUBLISH = `
  insert into millrace_published_job (name, settings)
  select json_extract(value, '$.name'), value from json_each(?) where true
  on conflict (name) do update set settings = excluded.settings where settings <> excluded.settings`

const READ = `select settings from millrace_published_job where name in (select value from json_each(?))`

/** Writes down what a node publishes; it stays when the node is gone. */
export function publishJobs(db: Db, jobs: readonly PublishedJob[]): void {
  if (jobs.length > 0) db.prepare(PUBLISH).run(JSON.stringify(jobs))
}

/** See {@link Store.readPublishedJobs}. */
export function readPublishedJobs(db: Db, names: readonly string[]): readonly PublishedJob[] {
  // The one column of the statement, in a strict table.
  const rows = db.prepare(READ).all(JSON.stringify(names)) as { readonly settings: string }[]
  // Written by `publishJobs` from values of this type.
  return rows.flatMap(({ settings }) => (parseJson(settings) as PublishedJob | null) ?? [])
}
