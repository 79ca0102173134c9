/** User connections and the store's thread on one file, both writing as fast as they can: nothing is lost, torn or doubled. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'

import { openHandle } from '../support/store-handle.ts'
import { tempDatabase } from '../support/temp-database.ts'

const PROGRAM = fileURLToPath(new URL('../support/shared-file-program.mjs', import.meta.url))

/** Runs the program to its end and answers what went wrong inside. */
async function hammer(settings: {
  readonly path: string
  readonly engine: 'better-sqlite3' | 'own'
  readonly transactions: number
}): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, JSON.stringify(settings)])
  // The program prints nothing else.
  return (JSON.parse(stdout) as { readonly problems: readonly string[] }).problems
}

/** Everything about the file that must hold, read by a process that took no part. */
function verdict(path: string) {
  const db = openHandle(path)
  const count = (sql: string): number => (db.prepare(sql).get() as { readonly n: number }).n
  try {
    return {
      integrity: db.prepare('pragma integrity_check').all(),
      sent: count('select count(*) as n from sent'),
      sentTwice: count('select count(*) - count(distinct id) as n from sent'),
      left: count('select count(*) as n from millrace_job'),
      completed: count(`select count(*) as n from millrace_history where state = 'completed' and attempt = 1`),
      completedButNotSent: count('select count(*) as n from millrace_history where id not in (select id from sent)'),
      effects: count('select count(*) as n from effect'),
      effectsTwice: count('select count(*) - count(distinct id) as n from effect'),
      effectsOfOthers: count('select count(*) as n from effect where id not in (select id from sent)'),
    }
  } finally {
    db.close()
  }
}

/** How many jobs of a run are committed; every seventh transaction is rolled back. */
function committed(transactions: number): number {
  const numbers = Array.from({ length: transactions }, (_, number) => number)
  const each = (step: number): number => numbers.filter((number) => number % step === 0).length
  return transactions - each(7) + each(5) + each(11)
}

function good(sent: number): ReturnType<typeof verdict> {
  return {
    integrity: [{ integrity_check: 'ok' }],
    sent,
    sentTwice: 0,
    left: 0,
    completed: sent,
    completedButNotSent: 0,
    effects: sent,
    effectsTwice: 0,
    effectsOfOthers: 0,
  }
}

describe.each(['better-sqlite3', 'own'] as const)('a file shared with connections of the engine: %s', (engine) => {
  it('survives thousands of writes from both sides of one process', async () => {
    const { path } = tempDatabase()
    const problems = await hammer({ path, engine, transactions: 2_000 })
    expect(problems).toEqual([])
    expect(verdict(path)).toEqual(good(committed(2_000)))
  })

  it('survives the same in two processes', async () => {
    const { path } = tempDatabase()
    const settings = { path, engine, transactions: 1_000 }
    const problems = await Promise.all([hammer(settings), hammer(settings)])
    expect(problems).toEqual([[], []])
    expect(verdict(path)).toEqual(good(2 * committed(1_000)))
  })
})

it('survives processes with different engines', async () => {
  const { path } = tempDatabase()
  const both = (['better-sqlite3', 'own'] as const).map((engine) => hammer({ path, engine, transactions: 1_000 }))
  expect(await Promise.all(both)).toEqual([[], []])
  expect(verdict(path)).toEqual(good(2 * committed(1_000)))
})
