/** `wake`: a write that other processes notice as any other. It has to change something, or the file stays as it is. */

import type { Db } from '../connection.ts'

const COUNT = 'update millrace_wake set count = count + 1'

/** See {@link Store.wake}. */
export function wakeOthers(db: Db): void {
  db.prepare(COUNT).run()
}
