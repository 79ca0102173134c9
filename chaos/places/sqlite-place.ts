/** An SQLite file, and triggers in it. */

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Effect, Place, Transition } from './place.ts'

const NOW = `unixepoch('subsec') * 1000`

const HELD = (row: 'old' | 'new'): string => `case when ${row}.state = 'running' then ${row}.lease end`

const SCHEMA = `
  create table chaos_effect (job text not null, pid integer not null);
  create table chaos_transition (
    seq integer primary key autoincrement, at real not null, kind text not null, subject text not null, oldLease text, newLease text,
    oldAttempt integer, newAttempt integer, oldCrashes integer, newCrashes integer, maxAttempts integer, name text, args text,
    state text, result text, node text, pid integer, storedAt integer);

  create trigger chaos_insert after insert on millrace_job begin
    insert into chaos_transition (at, kind, subject, newLease, newAttempt, newCrashes, maxAttempts, name, args, node, storedAt)
    values (${NOW}, 'insert', new.id, ${HELD('new')}, new.attempt, new.crashes, new.max_attempts, new.name, new.args, new.node, new.created_at);
  end;
  create trigger chaos_change after update on millrace_job
    when ${HELD('old')} is not ${HELD('new')} or old.attempt <> new.attempt or old.crashes <> new.crashes begin
    insert into chaos_transition (at, kind, subject, oldLease, newLease, oldAttempt, newAttempt, oldCrashes, newCrashes, maxAttempts, node, storedAt)
    values (${NOW}, 'change', new.id, ${HELD('old')}, ${HELD('new')}, old.attempt, new.attempt, old.crashes, new.crashes, new.max_attempts, new.node, new.claimed_at);
  end;
  create trigger chaos_delete after delete on millrace_job begin
    insert into chaos_transition (at, kind, subject, oldLease, oldAttempt, oldCrashes, maxAttempts)
    values (${NOW}, 'delete', old.id, ${HELD('old')}, old.attempt, old.crashes, old.max_attempts);
  end;
  ${['history', 'dead']
    .map(
      (table) => `
  create trigger chaos_${table} after insert on millrace_${table} begin
    insert into chaos_transition (at, kind, subject, newLease, newAttempt, newCrashes, state, result, node, storedAt)
    values (${NOW}, 'end', new.id, new.lease, new.attempt, new.crashes, new.state, new.result, new.node, new.ended_at);
  end;
  create trigger chaos_un${table} after delete on millrace_${table} begin
    insert into chaos_transition (at, kind, subject, state) values (${NOW}, 'unend', old.id, old.state);
  end;`,
    )
    .join('')}
  create trigger chaos_node after insert on millrace_node begin
    insert into chaos_transition (at, kind, subject, pid, storedAt) values (${NOW}, 'node', new.id, new.pid, new.started_at);
  end;
  create trigger chaos_node_dead after update on millrace_node when old.dead_at is null and new.dead_at is not null begin
    insert into chaos_transition (at, kind, subject, pid, storedAt) values (${NOW}, 'node-dead', new.id, new.pid, new.dead_at);
  end;
  create trigger chaos_node_gone after delete on millrace_node begin
    insert into chaos_transition (at, kind, subject, pid) values (${NOW}, 'node-gone', old.id, old.pid);
  end;`

/** What both `node:sqlite` and @photostructure/sqlite give. */
interface Connection {
  exec(sql: string): void
  prepare(sql: string): { all(): unknown[]; get(): unknown }
  close(): void
}

/** Makes a file in a temp folder. */
export function sqlitePlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'))
  const path = join(folder, 'jobs.db')
  // The package has no types of its own for this name on every Node; these three methods are documented.
  const { DatabaseSync } = createRequire(import.meta.url)('@photostructure/sqlite') as {
    DatabaseSync: new (path: string) => Connection
  }
  let opened: Connection | undefined
  const db = (): Connection => {
    if (opened === undefined) {
      opened = new DatabaseSync(path)
      opened.exec('pragma busy_timeout = 10000')
    }
    return opened
  }
  return {
    url: `sqlite:${path}`,
    description: 'SQLite, one file, WAL, synchronous=FULL',
    watch: async () => db().exec(SCHEMA),
    // The one column of the statement.
    unfinished: async () => (db().prepare('select count(*) as n from millrace_job').get() as { n: number }).n,
    isLocked: async () => {
      db().exec('pragma busy_timeout = 250')
      try {
        db().exec('begin immediate; rollback')
        return false
      } catch {
        return true
      } finally {
        db().exec('pragma busy_timeout = 10000')
      }
    },
    // The tables are made above with these columns.
    transitions: async () => db().prepare('select * from chaos_transition order by seq').all() as Transition[],
    effects: async () => db().prepare('select * from chaos_effect').all() as Effect[],
    close: async () => {
      opened?.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
