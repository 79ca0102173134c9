/** The database has done what it was asked to, and its answer is lost on the way. */

import { OutcomeUnknownError } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { allEndedOnce, anOutagePlace, oddRefusals, type OutagePlace } from '../support/outage-place.ts'
import { passRealTime } from '../support/real-time.ts'
import { anId } from '../support/store-jobs.ts'
import { isCommit } from '../support/tcp-proxy.ts'

const isInsert = (statement: string): boolean => /insert into "millrace"\.job\b/.test(statement)

/** What an enqueue was rejected with. */
async function rejection(call: Promise<unknown>): Promise<OutcomeUnknownError> {
  const error = await call.then(
    () => 'it was not rejected',
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof OutcomeUnknownError)) throw new Error(`no unknown outcome: ${String(error)}`)
  return error
}

async function statesOf(place: OutagePlace, ids: readonly string[]): Promise<(string | undefined)[]> {
  return Promise.all(ids.map(async (id) => (await place.runner.job(id))?.state))
}

describe('an enqueue whose answer is lost', () => {
  it('says that its outcome is unknown, with the id; repeated with that id, the job runs once', async () => {
    const place = await anOutagePlace()
    const { runner, proxy } = place
    await place.enqueue()
    proxy.swallow(isInsert)
    const error = await rejection(runner.enqueue('work.run', [0]))
    expect(error.code).toBe('ERR_OUTCOME_UNKNOWN')
    expect(error.message).toContain(error.jobId)
    expect((await runner.enqueue('work.run', [0], { id: error.jobId })).status).toBe('duplicate')
    await runner.result(error.jobId)
    expect((await runner.enqueue('work.run', [0], { id: error.jobId })).status).toBe('duplicate')
    expect(await place.account()).toMatchObject({ ranTwice: [], endedTwice: [], leftJobs: 0 })
    expect(place.starts).toHaveLength(2)
  })

  it('says the same when the caller chose the id', async () => {
    const { runner, proxy, enqueue } = await anOutagePlace()
    await enqueue()
    const id = anId()
    // Such an insert is a transaction of its own: what counts is the answer to its commit.
    proxy.swallow(isCommit)
    expect((await rejection(runner.enqueue('work.run', [0], { id }))).jobId).toBe(id)
    expect((await runner.enqueue('work.run', [0], { id })).status).toBe('duplicate')
  })

  it('tells each of several callers whose jobs went together the id of its own', async () => {
    const place = await anOutagePlace()
    const { runner, proxy } = place
    await place.enqueue()
    proxy.swallow(isInsert)
    const errors = await Promise.all([1, 2, 3].map(() => rejection(runner.enqueue('work.run', [0]))))
    expect(new Set(errors.map(({ jobId }) => jobId)).size).toBe(3)
    expect(errors.map(({ jobIds, jobId }) => jobIds.length === 1 && jobIds[0] === jobId)).toEqual([true, true, true])
    const ids = errors.map(({ jobId }) => jobId)
    await Promise.all(ids.map((id) => runner.result(id)))
    expect(await statesOf(place, ids)).toEqual(['completed', 'completed', 'completed'])
  })

  it('has the ids of all jobs of enqueueAll', async () => {
    const place = await anOutagePlace()
    const { runner, proxy } = place
    await place.enqueue()
    proxy.swallow(isInsert)
    const error = await rejection(
      runner.enqueueAll([
        ['work.run', [0]],
        ['work.run', [0]],
      ]),
    )
    expect(error.jobIds).toHaveLength(2)
    await Promise.all(error.jobIds.map((id) => runner.result(id)))
  })

  it('is reported and never repeated by itself where no record is kept', async () => {
    const place = await anOutagePlace({ queue: { keep: '0s' } })
    const { runner, proxy } = place
    await runner.enqueue('work.run', [0])
    await eventually(() => place.starts.length === 1)
    proxy.swallow(isInsert)
    const error = await rejection(runner.enqueue('work.run', [0]))
    await eventually(() => place.starts.length === 2)
    await eventually(async () => (await runner.job(error.jobId)) === null)
    // Longer than anything here would wait before another try.
    await passRealTime(2_500)
    expect(place.starts).toHaveLength(2)
  })

  it('says that the job is not stored when the statement never reached the server', async () => {
    const { runner, proxy, enqueue } = await anOutagePlace()
    await enqueue()
    await proxy.refuse()
    proxy.cut()
    await eventually(() => proxy.connections.length === 0)
    await passRealTime(50)
    await expect(runner.enqueue('work.run', [0])).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  })
})

describe('the answer to', () => {
  it('a claim is lost: its jobs come back without a charge, and run once', async () => {
    const place = await anOutagePlace()
    const { runner, proxy } = place
    await place.enqueue()
    const swallowing = proxy.swallow((statement) => statement.includes('want as materialized'))
    const id = await place.enqueue()
    await swallowing.done
    await runner.result(id, { timeout: '10s' })
    expect(await runner.job(id)).toMatchObject({ attempt: 1 })
    expect(await place.account()).toEqual(allEndedOnce(place))
  })

  it('an ack is lost: it is written again with the same lease, and the job has ended once', async () => {
    const place = await anOutagePlace()
    const { proxy } = place
    await place.enqueue()
    const swallowing = proxy.swallow((statement) => statement.includes('ack_lease_number'), 2)
    for (let job = 0; job < 5; job++) await place.enqueue()
    await swallowing.done
    expect(await place.account()).toEqual(allEndedOnce(place))
  })

  it('every seventh statement is lost: nothing is lost or doubled', async () => {
    const place = await anOutagePlace()
    let statements = 0
    // The beat is in the stream too; the listener reads no answers.
    const swallowing = place.proxy.swallow((statement) => statement !== '' && ++statements % 7 === 0, 60)
    const streams = [1, 2, 3].map(() => place.stream())
    await eventually(() => swallowing.count === 60, { withinMs: 25_000 })
    await Promise.all(streams.map((stream) => stream.stop()))
    const account = await place.account()
    expect(account).toMatchObject({ ...allEndedOnce(place), ranTwice: expect.any(Array), stale: expect.any(Number) })
    expect(oddRefusals(place)).toEqual([])
  })
})
