import { createRunner } from 'millrace'

import * as jobs from './jobs.ts'

export default createRunner({
  database: 'sqlite:./hello.db',
  jobs: { jobs },
  queues: { cpu: { concurrency: 1 } },
})
