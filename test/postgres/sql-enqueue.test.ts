import { currentJob, job } from 'millrace'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { aWorker } from '../support/runner.ts'

async function aPlace() {
  const { url } = await postgresDatabase()
  const ran: { readonly id: string; readonly args: readonly unknown[] }[] = []
  const note = (...args: readonly unknown[]) => void ran.push({ id: currentJob().id, args })
  const work = {
    note,
    published: job({ queue: 'mail', priority: -7, maxAttempts: 9, timeout: '90s', backoff: { base: '1s' } }, () => {}),
  }
  const { runner } = await aWorker({ work }, { database: url, queues: { default: {}, mail: {} } })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  const enqueue = async (call: string): Promise<string> => {
    const { rows } = await client.query<{ id: string }>(`select millrace.enqueue(${call}) as id`)
    return rows[0]?.id ?? ''
  }
  const argsOf = (id: string) => eventually(() => ran.find((one) => one.id === id)?.args)
  return { runner, client, enqueue, argsOf }
}

describe('millrace.enqueue in SQL', () => {
  it('stores a job that runs, with the arguments that it is given', async () => {
    const { enqueue, argsOf } = await aPlace()
    expect(await argsOf(await enqueue(`'work.note'`))).toEqual([])
    expect(await argsOf(await enqueue(`'work.note', '[1, {"a": ["b"]}]'`))).toEqual([1, { a: ['b'] }])
    expect(await argsOf(await enqueue(`'work.note', '{"alone": true}'`))).toEqual([{ alone: true }])
  })

  it('takes what is left out from what the code of the job publishes', async () => {
    const { runner, enqueue, client } = await aPlace()
    const id = await enqueue(`'work.published', delay => '1 hour'`)
    expect(await runner.job(id)).toMatchObject({ queue: 'mail', priority: -7, maxAttempts: 9, state: 'scheduled' })
    const { rows } = await client.query(
      'select timeout_ms, (backoff::jsonb)->>$2 as base from millrace.job where id = $1',
      [id, 'baseMs'],
    )
    expect(rows).toEqual([{ timeout_ms: 90_000, base: '1000' }])
  })

  it('takes every option, over what is published', async () => {
    const { runner, enqueue } = await aPlace()
    const id = '00000000-0000-4000-8000-000000000001'
    const options = `queue => 'default', delay => '90 minutes', priority => 12, max_attempts => 2, key => 'k1', tags => array['a', 'b c'],
      id => '${id}'`
    const before = Date.now()
    expect(await enqueue(`'work.published', '["x"]', ${options}`)).toBe(id)
    const stored = await runner.job(id)
    expect(stored).toMatchObject({
      name: 'work.published',
      args: ['x'],
      queue: 'default',
      priority: 12,
      maxAttempts: 2,
      key: 'k1',
      tags: ['a', 'b c'],
      state: 'scheduled',
    })
    expect(stored?.dueAt.getTime()).toBeGreaterThanOrEqual(before + 90 * 60_000 - 1_000)
    expect(stored?.dueAt.getTime()).toBeLessThan(before + 91 * 60_000)
  })

  it('takes a time, whatever its zone; one that has passed counts as now', async () => {
    const { runner, enqueue, argsOf } = await aPlace()
    const later = await enqueue(`'work.note', at => '2100-01-01 01:00:00+01'`)
    expect((await runner.job(later))?.dueAt.toISOString()).toBe('2100-01-01T00:00:00.000Z')
    expect(await argsOf(await enqueue(`'work.note', '["past"]', at => '2001-01-01'`))).toEqual(['past'])
  })

  it('refuses what no job may have', async () => {
    const { enqueue } = await aPlace()
    await expect(enqueue(`''`)).rejects.toThrow('violates check constraint')
    await expect(enqueue(`'work.note', priority => 101`)).rejects.toThrow('violates check constraint')
    await expect(enqueue(`'work.note', max_attempts => 0`)).rejects.toThrow('violates check constraint')
  })

  it('is part of the transaction of a trigger', async () => {
    const { client, argsOf, runner } = await aPlace()
    await client.query(`
      create table users (id integer primary key, email text);
      create table welcomed (user_id integer, job uuid);
      create function welcome() returns trigger language plpgsql as $$
      begin
        insert into welcomed values (new.id, millrace.enqueue('work.note', jsonb_build_array(new.id, new.email)));
        return new;
      end $$;
      create trigger welcome after insert on users for each row execute function welcome();`)
    await client.query(`begin; insert into users values (1, 'gone@example.org'); rollback`)
    await client.query(`insert into users values (2, 'ann@example.org')`)
    const { rows } = await client.query<{ user_id: number; job: string }>('select * from welcomed')
    expect(rows.map((row) => row.user_id)).toEqual([2])
    expect(await argsOf(rows[0]?.job ?? '')).toEqual([2, 'ann@example.org'])
    await eventually(async () => (await runner.list({ state: 'completed' })).jobs.length === 1)
    expect((await runner.list()).jobs.length).toBe(1)
  })
})

describe('rows written by hand', () => {
  it('run, also with a priority that nobody has used before, and when they are due', async () => {
    const { client, argsOf } = await aPlace()
    const insert = async (columns: string, values: string) => {
      const { rows } = await client.query<{ id: string }>(
        `insert into millrace.job (name, args${columns}) values ('work.note', '["x"]'${values}) returning id`,
      )
      return rows[0]?.id ?? ''
    }
    expect(await argsOf(await insert('', ''))).toEqual(['x'])
    expect(await argsOf(await insert(', priority', ', 33'))).toEqual(['x'])
    expect(await argsOf(await insert(', due_at', ', millrace.now_ms() + 300'))).toEqual(['x'])
  })

  it('run when they were cancelled before they were due, and retried, whatever their priority', async () => {
    const { client, runner, argsOf } = await aPlace()
    const { rows } = await client.query<{ id: string }>(
      `insert into millrace.job (name, args, priority, due_at) values ('work.note', '["x"]', 44, millrace.now_ms() + 3600000)
       returning id`,
    )
    const id = rows[0]?.id ?? ''
    await runner.cancel(id)
    await runner.retry(id)
    expect(await argsOf(id)).toEqual(['x'])
  })
})
