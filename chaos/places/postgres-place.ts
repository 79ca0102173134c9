/** A PostgreSQL server of our own, a proxy in front of it, and triggers in its database. */

import { setTimeout as sleep } from 'node:timers/promises'

import pg from 'pg'

import { administer, startPostgres } from '../../test/support/postgres-server.ts'
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts'
import type { NetworkFault } from '../plan.ts'
import type { Effect, Place, Transition } from './place.ts'

const ZERO = '00000000-0000-0000-0000-000000000000'

const SCHEMA = `
  create schema chaos;
  create table chaos.effect (job uuid not null, pid integer not null);
  create table chaos.transition (
    seq bigserial primary key, at double precision not null default extract(epoch from clock_timestamp()) * 1000, kind text not null, subject text not null,
    "oldLease" uuid, "newLease" uuid, "oldAttempt" integer, "newAttempt" integer, "oldCrashes" integer, "newCrashes" integer,
    "maxAttempts" integer, name text, args text, state text, result text, node text, pid integer, "storedAt" bigint);

  create function chaos.on_job() returns trigger language plpgsql as $$ begin
    if tg_op = 'INSERT' then
      insert into chaos.transition (kind, subject, "newLease", "newAttempt", "newCrashes", "maxAttempts", name, args, "storedAt")
      values ('insert', new.id, nullif(new.lease, '${ZERO}'), new.attempt, new.crashes, new.max_attempts, new.name, new.args, new.created_at);
    elsif tg_op = 'DELETE' then
      insert into chaos.transition (kind, subject, "oldLease", "oldAttempt", "oldCrashes", "maxAttempts")
      values ('delete', old.id, nullif(old.lease, '${ZERO}'), old.attempt, old.crashes, old.max_attempts);
    elsif old.lease <> new.lease or old.attempt <> new.attempt or old.crashes <> new.crashes then
      insert into chaos.transition (kind, subject, "oldLease", "newLease", "oldAttempt", "newAttempt", "oldCrashes", "newCrashes", "maxAttempts", "storedAt")
      values ('change', new.id, nullif(old.lease, '${ZERO}'), nullif(new.lease, '${ZERO}'), old.attempt, new.attempt, old.crashes, new.crashes, new.max_attempts, nullif(new.claimed_at, 0));
    end if;
    return null;
  end $$;
  create trigger chaos after insert or update or delete on millrace.job for each row execute function chaos.on_job();

  create function chaos.on_end() returns trigger language plpgsql as $$ begin
    if tg_op = 'INSERT' then
      insert into chaos.transition (kind, subject, "newLease", "newAttempt", "newCrashes", state, result, node, "storedAt")
      values ('end', new.id, new.lease, new.attempt, new.crashes, new.state, new.result, new.node, new.ended_at);
    else
      insert into chaos.transition (kind, subject, state) values ('unend', old.id, old.state);
    end if;
    return null;
  end $$;
  create trigger chaos after insert or delete on millrace.history for each row execute function chaos.on_end();
  create trigger chaos after insert or delete on millrace.dead for each row execute function chaos.on_end();

  create function chaos.on_lease() returns trigger language plpgsql as $$ begin
    insert into chaos.transition (kind, subject, node, "storedAt") values ('lease', new.id, new.node, new.at);
    return null;
  end $$;
  create trigger chaos after insert on millrace.lease for each row execute function chaos.on_lease();

  create function chaos.on_node() returns trigger language plpgsql as $$ begin
    if tg_op = 'INSERT' then
      insert into chaos.transition (kind, subject, pid, "storedAt") values ('node', new.id, new.pid, new.started_at);
    elsif tg_op = 'DELETE' then
      insert into chaos.transition (kind, subject, pid) values ('node-gone', old.id, old.pid);
    elsif old.dead_at is null and new.dead_at is not null then
      insert into chaos.transition (kind, subject, pid, "storedAt") values ('node-dead', new.id, new.pid, new.dead_at);
    end if;
    return null;
  end $$;
  create trigger chaos after insert or update or delete on millrace.node for each row execute function chaos.on_node();`

const SETTINGS = { fsync: 'on', shared_buffers: '64MB', max_connections: 200 }

/** Numbers of 64 bits as numbers: they are milliseconds and counts. */
const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')

/** Starts a server in a temp folder. */
export async function postgresPlace(): Promise<Place> {
  const server = await startPostgres({ settings: SETTINGS })
  const url = await server.createDatabase('chaos')
  const proxy = await startTcpProxy({ port: server.port })
  const version = (await administer(url, `select current_setting('server_version') as version`))[0]?.['version']
  return {
    url: proxy.url(url),
    description: `PostgreSQL ${String(version)}, fsync=on`,
    watch: async () => void (await administer(url, SCHEMA)),
    unfinished: async () => Number((await administer(url, 'select count(*) as n from millrace.job'))[0]?.['n']),
    isLocked: async () => false,
    transitions: async () => {
      const client = new pg.Client({ connectionString: url, types: { getTypeParser } })
      await client.connect()
      try {
        return (await client.query<Transition>('select * from chaos.transition order by seq')).rows
      } finally {
        await client.end()
      }
    },
    // The two columns of the table.
    effects: async () => (await administer(url, 'select * from chaos.effect')) as unknown as readonly Effect[],
    killServer: async () => {
      await server.kill9()
      await server.restart()
    },
    disturb: (fault, forMs) => disturb({ proxy, url }, fault, forMs),
    close: async () => {
      await proxy.close()
      await server.close()
    },
  }
}

/** Answers what was disturbed, when it is over. */
async function disturb(
  { proxy, url }: { readonly proxy: TcpProxy; readonly url: string },
  fault: NetworkFault,
  forMs: number,
): Promise<string> {
  const open = proxy.connections.length
  switch (fault) {
    case 'cut': {
      const count = proxy.cut(() => Math.random() < 0.5)
      return `reset ${count} of ${open} connections`
    }
    case 'blackhole':
      proxy.blackhole()
      break
    case 'delay':
      proxy.delay(forMs / 5)
      break
    case 'swallow-reply': {
      const swallowing = proxy.swallow((statement) => /^\s*(commit|with|insert|update|delete)\b/i.test(statement), 4)
      await sleep(forMs)
      swallowing.stop()
      return `swallowed ${swallowing.count} replies`
    }
    case 'terminate-backends': {
      const [ended] = await administer(
        url,
        `select count(pg_terminate_backend(pid)) as n from pg_stat_activity where datname = 'chaos' and pid <> pg_backend_pid() and random() < 0.3`,
      )
      return `terminated ${String(ended?.['n'])} of ${open} backends`
    }
  }
  await sleep(forMs)
  await proxy.heal()
  return `${open} connections for ${forMs} ms`
}
