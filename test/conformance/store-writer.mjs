// A process that writes to a store until it has stored enough or is killed. Prints the ids of each batch after it was
// answered, one batch a line. Usage: node store-writer.mjs <database file> <batches> <jobs in a batch> [listen|exit]

import { nodeHost } from '../../dist/host/host.js'
import { uuidV7 } from '../../dist/host/uuid.js'
import { openSqliteStore } from '../../dist/store/sqlite/open-sqlite-store.js'

const [file, batches, size, how] = process.argv.slice(2)
const host = nodeHost()
const store = openSqliteStore({ host, location: `sqlite:${file}`, transport: 'thread' })
if (how === 'listen') store.onChange(() => {})
if (how === 'exit') {
  await store.open()
  // In the middle of the first batch.
  setTimeout(() => process.exit(0), Math.random() * 200)
}

for (let batch = 0; batch < Number(batches); batch++) {
  const jobs = Array.from({ length: Number(size) }, () => ({
    id: uuidV7(host),
    isIdChosen: false,
    name: 'mail.ping',
    queue: 'q',
    args: { codec: 'json', text: '["x"]' },
    priority: 0,
    maxAttempts: 3,
    backoff: null,
    timeoutMs: null,
    key: null,
    tags: [],
    trace: null,
    due: null,
  }))
  const inserted = await store.insertJobs(jobs)
  process.stdout.write(`${inserted.map(({ id }) => id).join(' ')}\n`)
}
// Nothing is closed: a process that has only enqueued must end by itself.
