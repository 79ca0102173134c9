/** The disk of the embedded store is full, and has room again later. */

import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { currentJob } from 'millrace'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { gate } from '../support/gate.ts'
import { passRealTime } from '../support/real-time.ts'
import { aWorker, eventsOf } from '../support/runner.ts'
import { anId } from '../support/store-jobs.ts'
import { openHandle } from '../support/store-handle.ts'
import { tempFolder } from '../support/temp-database.ts'

/** A small disk of its own; or why there is none. */
function smallDisk(): { readonly folder: string } | { readonly refusal: string } {
  const folder = tempFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'millrace-test', folder], { stdio: 'pipe' })
  } catch (error) {
    const { message } = error as Error
    return { refusal: `no small file system can be mounted here: ${message.split('\n').at(-1) ?? ''}` }
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
  return { folder }
}

/** Takes all the room that is left; answers how to give it back. */
function fill(folder: string): () => void {
  const path = join(folder, 'ballast')
  const file = openSync(path, 'w')
  for (const size of [65_536, 4_096, 512]) {
    const block = Buffer.alloc(size)
    try {
      while (writeSync(file, block) > 0);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    }
  }
  fsyncSync(file)
  closeSync(file)
  return () => rmSync(path)
}

describe('a full disk', () => {
  it('ends no worker: what ended waits and is written later, enqueue says why, nothing is lost or ends twice', async ({
    skip,
  }) => {
    const disk = smallDisk()
    if ('refusal' in disk) return skip(disk.refusal)
    const url = `sqlite:${join(disk.folder, 'jobs.db')}`
    const held = gate()
    const runs = new Map<string, number>()
    const work = {
      run: async (_text: string) => {
        const { id } = currentJob()
        runs.set(id, (runs.get(id) ?? 0) + 1)
        await held.passed
        return 'x'.repeat(2_000)
      },
    }
    const queues = { default: { concurrency: 20 } }
    const { runner } = await aWorker({ work }, { database: url, durability: 'disk', queues })
    const bad = eventsOf(runner, 'node:fenced', 'queue:crash', 'job:stale')
    const stops = eventsOf(runner, 'job:stop')
    const troubles = eventsOf(runner, 'store:error')
    const ids: string[] = []
    const enqueue = async (id: string): Promise<void> => {
      await runner.enqueue(work.run, ['y'.repeat(1_000)], { id })
      ids.push(id)
    }
    for (let job = 0; job < 40; job++) await enqueue(anId())
    await eventually(() => runs.size === 20)

    const giveBack = fill(disk.folder)
    const refused: string[] = []
    // What is left of the log may take a few more.
    await eventually(async () => {
      const id = anId()
      const outcome = await enqueue(id).then(
        () => null,
        (error: unknown) => error,
      )
      if (outcome === null) return false
      expect(outcome).toMatchObject({ code: 'ERR_STORE_FULL' })
      refused.push(id)
      return true
    })
    held.open()
    await eventually(() => (runner.inspect().worker?.outbox ?? 0) >= 20)
    // Beats, claims, acks and upkeep all fail meanwhile.
    await passRealTime(4_000)
    expect(troubles.length).toBeGreaterThan(2)
    expect(runner.inspect().worker).toMatchObject({ outbox: 20, handlers: 0 })
    expect(stops).toEqual([])
    // What needs no room works on.
    expect((await runner.list({ limit: 5 })).jobs).toHaveLength(5)

    giveBack()
    const roomAt = Date.now()
    await eventually(() => stops.length >= 20, { withinMs: 3_000 })
    expect(Date.now() - roomAt).toBeLessThan(3_000)
    for (const id of refused) await enqueue(id)
    await Promise.all(ids.map((id) => runner.result(id, { timeout: '10s' })))
    expect([...runs].filter(([, times]) => times > 1)).toEqual([])
    expect(runs.size).toBe(ids.length)
    expect(stops.map(({ payload }) => payload.id).sort()).toEqual([...ids].sort())
    expect(bad).toEqual([])
    const handle = openHandle(join(disk.folder, 'jobs.db'))
    const count = (table: string): unknown => handle.prepare(`select count(*) as count from ${table}`).get()
    expect(count('millrace_history')).toEqual({ count: ids.length })
    expect(count('millrace_job')).toEqual({ count: 0 })
    expect(handle.prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
    handle.close()
  })
})
