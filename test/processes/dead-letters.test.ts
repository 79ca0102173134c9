/** A dead letter is told of by another process when the one that began to tell of it is killed. */

import { rmSync, writeFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { WORKER_PLACES } from '../support/worker-places.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

describe.each(WORKER_PLACES)('a dead letter on %s', (_, aPlace) => {
  it('is told of again when the process dies that tells of it, and then no more', async () => {
    const place = await aPlace()
    writeFileSync(`${place.record}.down`, '')
    writeFileSync(`${place.record}.hang`, '')
    const workers = [
      await aWorkerProcess({ ...place, start: {}, isNotifying: true }),
      await aWorkerProcess({ ...place, start: {}, isNotifying: true }),
    ]
    const job = await workers[0]?.ask<{ readonly id: string }>('enqueue', 'work.flaky', [], { maxAttempts: 1 })
    const notices = () => readRecord(place.record).filter(({ kind, id }) => kind === 'notice' && id === job?.id)

    const first = await eventually(() => notices()[0])
    const teller = workers.find(({ child }) => child.pid === first.pid)
    const other = workers.find((worker) => worker !== teller)
    await teller?.kill()
    rmSync(`${place.record}.hang`)
    const told = await eventually(() => other?.events.find(({ event }) => event === 'notice:stop'))
    expect(told.payload).toMatchObject({ id: job?.id, name: 'work.flaky' })
    expect(notices().map(({ pid }) => pid)).toEqual([first.pid, other?.child.pid])
    expect(await other?.ask('job', job?.id)).toMatchObject({ state: 'failed' })
  }, 60_000)
})
