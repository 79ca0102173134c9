import { describe, expect, it } from 'vitest'

import { aStore } from '../../test/support/factories.ts'
import { gate } from '../../test/support/gate.ts'
import { aJob } from '../../test/support/store-jobs.ts'
import { settled, testHost } from '../../test/support/test-host.ts'
import type { NewJob } from '../job/job.ts'
import { OutcomeUnknownError, storeError } from '../store/errors.ts'
import type { InsertedJob } from '../store/store.ts'
import { EnqueueBatcher } from './enqueue-batcher.ts'

function created(jobs: readonly NewJob[]): InsertedJob[] {
  return jobs.map(({ id }) => ({ id, status: 'created' }))
}

function aBatcher(insert: (jobs: readonly NewJob[]) => InsertedJob[] | Promise<InsertedJob[]>) {
  const batches: (readonly NewJob[])[] = []
  const store = aStore({
    insertJobs: async (jobs) => {
      batches.push(jobs)
      return insert(jobs)
    },
  })
  return { batches, batcher: new EnqueueBatcher(testHost(), store) }
}

describe('EnqueueBatcher', () => {
  it('sends a lone job at once, and those of one turn together', async () => {
    const { batcher, batches } = aBatcher(created)
    const job = aJob()
    expect(await batcher.insert(job)).toEqual({ id: job.id, status: 'created' })
    await Promise.all([aJob(), aJob(), aJob()].map((one) => batcher.insert(one)))
    expect(batches.map((batch) => batch.length)).toEqual([1, 3])
  })

  it('gathers what comes while a statement is under way, at most 1,000 for the next', async () => {
    const first = gate<InsertedJob[]>()
    const { batcher, batches } = aBatcher((jobs) => (batches.length === 1 ? first.passed : created(jobs)))
    const job = aJob()
    const all = [batcher.insert(job)]
    await settled()
    for (let more = 0; more < 1_500; more++) all.push(batcher.insert(aJob()))
    await settled()
    expect(batches.length).toBe(1)
    first.open(created([job]))
    await Promise.all(all)
    expect(batches.map((batch) => batch.length)).toEqual([1, 1_000, 500])
  })

  it('shows the error of a refused job to its caller alone', async () => {
    const { batcher } = aBatcher((jobs) => {
      if (jobs.some(({ name }) => name === 'bad.one')) throw storeError('ERR_STORE_CORRUPT', 'refused')
      return created(jobs)
    })
    const answers = await Promise.allSettled(['a.a', 'bad.one', 'b.b'].map((name) => batcher.insert(aJob({ name }))))
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('does not repeat a batch whose outcome nobody knows, and tells each caller the id of its job', async () => {
    const cause = new Error('reset')
    const { batcher, batches } = aBatcher((jobs) => {
      throw new OutcomeUnknownError(
        jobs.map(({ id }) => id),
        cause,
      )
    })
    const jobs = [aJob(), aJob()]
    const answers = await Promise.allSettled(jobs.map((job) => batcher.insert(job)))
    const errors = answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as unknown) : null))
    expect(errors).toEqual(
      jobs.map(({ id }) => expect.objectContaining({ code: 'ERR_OUTCOME_UNKNOWN', jobId: id, jobIds: [id], cause })),
    )
    expect(batches.length).toBe(1)
  })

  it('does not repeat a batch that no other content would save', async () => {
    const { batcher, batches } = aBatcher(() => {
      throw storeError('ERR_STORE_UNAVAILABLE', 'busy')
    })
    const answers = await Promise.allSettled([batcher.insert(aJob()), batcher.insert(aJob())])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(batches.length).toBe(1)
  })

  it('works on after a failure', async () => {
    let isDown = true
    const { batcher } = aBatcher((jobs) => {
      if (isDown) throw storeError('ERR_STORE_UNAVAILABLE', 'busy')
      return created(jobs)
    })
    await expect(batcher.insert(aJob())).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    isDown = false
    await expect(batcher.insert(aJob())).resolves.toMatchObject({ status: 'created' })
  })
})
