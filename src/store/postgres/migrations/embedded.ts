/** Generated from the .sql files of this folder by scripts/embed-sql.mjs; do not edit. */

/** A step of the schema. Steps are append-only: a released one never changes. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

/** All steps, in order. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: '0001_jobs',
    sql: `-- The tables of the PostgreSQL store. \`/* schema */\` stands for the schema's quoted name.
-- Times are milliseconds since 1970 by the clock of the database. A job may be written by hand:
--   insert into millrace.job (name, args) values ('mailer.ping', '["example.org"]');
-- or with the settings that its code publishes: select millrace.enqueue('mailer.ping', '["example.org"]');

-- The version of this schema, in one row.
create table /* schema */.schema_version (
  version integer not null
);

insert into /* schema */.schema_version (version) values (0);

create function /* schema */.now_ms() returns bigint language sql stable parallel safe
  as $$ select floor(extract(epoch from statement_timestamp()) * 1000)::bigint $$;

-- A UUID of version 7 (RFC 9562), whose text grows with time: chance with the time in its first six bytes and the version
-- set.
create function /* schema */.uuid_v7() returns uuid language sql volatile parallel safe
  as $$ select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid $$;

-- The order in which jobs become ready.
create sequence /* schema */.job_seq;

-- Jobs that have not ended. What a claim fills is not null with a default of the same width, and no index names it, so that
-- a claim is an update in place (HOT). The free space that this needs is what the fill factor leaves.
--   seq null, parked null       scheduled: waits for \`due_at\`, then it is given its \`seq\`
--   parked not null             queued, but nobody can run it; \`seq\` is null
--   seq not null, lease zero    queued
--   lease not zero              running
create table /* schema */.job (
  id uuid not null primary key default /* schema */.uuid_v7(),
  seq bigint,
  priority smallint not null default 0 check (priority between -100 and 100),
  attempt integer not null default 0 check (attempt >= 0),
  max_attempts integer not null default 3 check (max_attempts >= 1),
  crashes integer not null default 0 check (crashes >= 0),
  due_at bigint not null default /* schema */.now_ms(),
  created_at bigint not null default /* schema */.now_ms(),
  -- The claim that holds the job, when it was made, and when the handler was known to run; zero while nobody holds it.
  lease uuid not null default '00000000-0000-0000-0000-000000000000',
  claimed_at bigint not null default 0,
  started_at bigint not null default 0,
  -- The claim whose end put the job back on the schedule, so that its ack is known when it comes again.
  last_lease uuid not null default '00000000-0000-0000-0000-000000000000',
  cancel_requested boolean not null default false,
  -- Whether attempts or log lines of it are kept.
  has_traces boolean not null default false,
  timeout_ms double precision check (timeout_ms >= 0),
  progress double precision,
  queue text not null default 'default' check (queue <> ''),
  name text not null check (name <> ''),
  args text not null default '[]',
  args_codec text not null default 'json' check (args_codec in ('json', 'devalue')),
  -- {"baseMs":…,"factor":…,"maxMs":…}; null is the default backoff.
  backoff text,
  key text,
  key_seq bigint,
  unique_key text,
  tags text[] not null default '{}',
  parked text,
  error text
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.05);

-- What a claim walks.
create index job_ready on /* schema */.job (queue, priority, seq) where seq is not null;
-- What promotion and the timer for the next due job look at.
create index job_due on /* schema */.job (queue, due_at) where seq is null and parked is null;
-- What a new node looks through for jobs that it can run.
create index job_parked on /* schema */.job (queue, name) where parked is not null;

-- Every claim that still holds jobs: a row for each queue and priority in it. With the ready index it is the way to the jobs
-- of a node, because an index on the job's lease would forbid updates in place.
create table /* schema */.lease (
  id uuid not null,
  node uuid not null,
  queue text not null,
  priority smallint not null,
  lo_seq bigint not null,
  hi_seq bigint not null,
  at bigint not null,
  primary key (id, queue, priority)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create index lease_node on /* schema */.lease (node);

-- The priorities that a queue has ever used. A claim looks at each; rows are never removed.
create table /* schema */.queue_priority (
  queue text not null,
  priority smallint not null,
  primary key (queue, priority)
);

-- Grows when jobs come back to an old place of the ready index, so that claims look at it again.
create table /* schema */.generation (
  value bigint not null
) with (fillfactor = 50);

insert into /* schema */.generation (value) values (0);

-- Completed and cancelled jobs, in the order in which they ended.
create table /* schema */.history (
  id uuid not null,
  state text not null check (state in ('completed', 'cancelled')),
  priority smallint not null,
  attempt integer not null,
  max_attempts integer not null,
  crashes integer not null,
  due_at bigint not null,
  created_at bigint not null,
  -- Zero: its handler never began.
  started_at bigint not null,
  ended_at bigint not null,
  -- The claim whose ack ended the job, and its node; null when it was ended otherwise.
  lease uuid,
  node uuid,
  timeout_ms double precision,
  progress double precision,
  queue text not null,
  name text not null,
  args text not null,
  args_codec text not null,
  backoff text,
  key text,
  key_seq bigint,
  unique_key text,
  tags text[] not null,
  error text,
  result text,
  result_codec text check (result_codec in ('json', 'devalue'))
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2);

create index history_id on /* schema */.history (id);
-- What pruning looks at: rows lie in the order of this column.
create index history_ended on /* schema */.history using brin (ended_at) with (pages_per_range = 32, autosummarize = on);

-- Failed jobs: the dead letters.
create table /* schema */.dead (
  id uuid not null primary key,
  state text not null default 'failed' check (state = 'failed'),
  priority smallint not null,
  attempt integer not null,
  max_attempts integer not null,
  crashes integer not null,
  due_at bigint not null,
  created_at bigint not null,
  started_at bigint not null,
  ended_at bigint not null,
  lease uuid,
  node uuid,
  timeout_ms double precision,
  progress double precision,
  queue text not null,
  name text not null,
  args text not null,
  args_codec text not null,
  backoff text,
  key text,
  key_seq bigint,
  unique_key text,
  tags text[] not null,
  error text,
  result text,
  result_codec text
);

create index dead_ended on /* schema */.dead (queue, ended_at);

-- Attempts that ended otherwise than completed, in the order in which they ended. They outlive an operator's retry.
create table /* schema */.attempt_error (
  seq bigint generated always as identity primary key,
  job_id uuid not null,
  attempt integer not null,
  lease uuid,
  node uuid,
  started_at bigint,
  ended_at bigint,
  error text
);

create index attempt_error_job on /* schema */.attempt_error (job_id);

-- Log lines. An attempt is named by job and lease, because attempt numbers start again after an operator's retry.
create table /* schema */.job_log (
  seq bigint generated always as identity primary key,
  job_id uuid not null,
  lease uuid not null,
  line text not null
);

create index job_log_job on /* schema */.job_log (job_id, lease);

-- Settings of queues that outlive processes.
create table /* schema */.queue (
  name text not null primary key,
  is_paused boolean not null default false
);

-- Processes that run jobs.
create table /* schema */.node (
  id uuid not null primary key,
  host text not null,
  pid integer not null,
  pid_scope text,
  pid_start text,
  version text not null,
  beat_ms double precision not null,
  started_at bigint not null,
  beat_at bigint not null,
  beat_seq bigint not null,
  -- When it was declared dead; null while it lives.
  dead_at bigint,
  queues text[] not null,
  names text[] not null,
  jobs text not null,
  snapshot text
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- What nodes publish of the jobs that they can run, for producers without code. It outlives the nodes.
create table /* schema */.published_job (
  name text not null primary key,
  queue text,
  priority smallint,
  max_attempts integer,
  backoff text,
  timeout_ms double precision,
  key text,
  published_at bigint not null
);

-- Processes that listen. Enqueues notify them while one is idle; a busy one asks by itself.
create table /* schema */.wake (
  listener uuid not null primary key,
  is_idle boolean not null,
  seen_at bigint not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- How many jobs of a queue ended in a second, counted by each process in a row of its own.
create table /* schema */.rollup (
  queue text not null,
  second bigint not null,
  node uuid not null,
  ended bigint not null,
  primary key (queue, second, node)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Enqueues from triggers and other languages, in the transaction of the caller. What is left out comes from what the job's
-- code has published. Idle workers are not notified: they look within a second.
create function /* schema */.enqueue(
  name text,
  args jsonb default '[]',
  queue text default null,
  delay interval default null,
  at timestamptz default null,
  priority integer default null,
  max_attempts integer default null,
  key text default null,
  tags text[] default null,
  id uuid default null
) returns uuid language sql volatile as $$
  insert into /* schema */.job (id, name, queue, args, priority, max_attempts, backoff, timeout_ms, key, tags, due_at)
  select coalesce($10, /* schema */.uuid_v7()), $1, coalesce($3, p.queue, 'default'),
    case jsonb_typeof($2) when 'array' then $2::text else jsonb_build_array($2)::text end,
    coalesce($6, p.priority, 0), coalesce($7, p.max_attempts, 3), nullif(p.backoff, 'function'), p.timeout_ms, $8, coalesce($9, '{}'),
    greatest(/* schema */.now_ms(), coalesce(floor(extract(epoch from $5) * 1000)::bigint, 0),
      coalesce(/* schema */.now_ms() + floor(extract(epoch from $4) * 1000)::bigint, 0))
  from (select 1) one left join /* schema */.published_job p on p.name = $1
  returning id
$$;

-- Every job, for people who look with SQL.
create view /* schema */.jobs as
  select id, name, queue,
    case when lease <> '00000000-0000-0000-0000-000000000000' then 'running'
      when seq is not null or parked is not null then 'queued' else 'scheduled' end as state,
    args, priority, attempt, max_attempts, key, tags, parked, error, null::text as result,
    to_timestamp(created_at / 1000.0) as created_at, to_timestamp(due_at / 1000.0) as due_at,
    to_timestamp(nullif(started_at, 0) / 1000.0) as started_at, null::timestamptz as ended_at
  from /* schema */.job
  union all
  select id, name, queue, state, args, priority, attempt, max_attempts, key, tags, null, error, result,
    to_timestamp(created_at / 1000.0), to_timestamp(due_at / 1000.0), to_timestamp(nullif(started_at, 0) / 1000.0), to_timestamp(ended_at / 1000.0)
  from /* schema */.history
  union all
  select id, name, queue, state, args, priority, attempt, max_attempts, key, tags, null, error, result,
    to_timestamp(created_at / 1000.0), to_timestamp(due_at / 1000.0), to_timestamp(nullif(started_at, 0) / 1000.0), to_timestamp(ended_at / 1000.0)
  from /* schema */.dead;`,
  },
  {
    version: 2,
    name: '0002_breakers',
    sql: `-- Circuit breakers: one for each job name or key, in one queue, of which calls were counted or which an operator has set.
create table /* schema */.breaker (
  queue text not null,
  kind text not null check (kind in ('name', 'key')),
  subject text not null,
  state text not null check (state in ('closed', 'open', 'half-open')),
  -- When probes may be let through; null when nothing will change by itself.
  open_until bigint,
  version bigint not null,
  -- When the state changed last; null when it never did.
  changed_at bigint,
  -- When anything of it changed last.
  touched_at bigint not null,
  -- Whether jobs may be parked for it.
  has_parked boolean not null default false,
  -- Everything else, as JSON.
  content text not null,
  primary key (queue, kind, subject)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create index breaker_active on /* schema */.breaker (queue) where state <> 'closed' or has_parked;
create index breaker_changed on /* schema */.breaker (changed_at) where changed_at is not null;

-- Grows when some breaker begins or ceases to block jobs. A claim is made only by who knows the present value, and with it
-- what to leave out: so a breaker that has opened is heeded by the very next claim of every node, and a claim while none is
-- open costs nothing more.
alter table /* schema */.node add column breakers bigint not null default 0;

-- Parked jobs are found by the reason, too, and taken back in their order.
drop index /* schema */.job_parked;
create index job_parked on /* schema */.job (queue, parked, name, due_at) where parked is not null;
create index job_parked_key on /* schema */.job (queue, key, due_at) where parked = 'breaker-key';

-- What operators did: one row for each of their commands.
create table /* schema */.audit (
  id uuid not null primary key,
  at bigint not null,
  -- Who did it, as far as the caller says.
  author text not null,
  action text not null,
  queue text,
  -- What it was about, as JSON.
  target text not null,
  -- How many jobs it changed; null where it is not about jobs.
  jobs bigint,
  reason text
);

create index audit_at on /* schema */.audit (at);`,
  },
  {
    version: 3,
    name: '0003_dead_letters',
    sql: `-- What makes errors alike: sixteen hexadecimal digits; empty where a job failed before there were any. And what its node knew
-- in the moment in which the job failed, as JSON.
alter table /* schema */.dead add column fingerprint text not null default '', add column forensics text;

-- What the groups of dead letters are read from, and what a group is walked by.
create index dead_group on /* schema */.dead (name collate "C", fingerprint collate "C", ended_at);
create index dead_fingerprint on /* schema */.dead (fingerprint, id);

-- Null for what was no error, and for errors from before there were any fingerprints.
alter table /* schema */.attempt_error add column name text, add column fingerprint text;

create index attempt_error_group on /* schema */.attempt_error (name collate "C", fingerprint collate "C", ended_at) where fingerprint is not null;

-- Whether somebody who wants to be told of dead letters runs there.
alter table /* schema */.node add column is_notifying boolean not null default false;

-- Dead letters that somebody is to be told of. Whoever tells puts the due time off meanwhile, so that another does it when he
-- does not come back.
create table /* schema */.dead_notice (
  seq bigint generated always as identity primary key,
  job_id uuid not null,
  -- Tells this death of the job from others.
  died_at bigint not null,
  attempt integer not null default 0,
  -- Who took it last.
  node uuid,
  due_at bigint not null
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create index dead_notice_due on /* schema */.dead_notice (due_at);`,
  },
  {
    version: 4,
    name: '0004_metrics',
    sql: `-- What attempts came to, by span, queue and job name: minutes as processes count them, hours and days added up from those.
create table /* schema */.metric (
  -- In milliseconds: 60000, 3600000 or 86400000.
  span integer not null,
  at bigint not null,
  queue text not null,
  name text not null,
  -- Who counted; zero for what was added up.
  source uuid not null,
  completed bigint not null,
  snoozed bigint not null,
  cancelled bigint not null,
  discarded bigint not null,
  retried bigint not null,
  failed bigint not null,
  wait_ms double precision not null,
  run_ms double precision not null,
  -- {"<number of a bucket>":<count>,…}
  wait jsonb not null,
  run jsonb not null,
  primary key (span, at, queue, name, source)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- The hours and days that are not added up yet, or are to be added up again. Who counts locks the row until its counts are
-- committed, so that nobody adds up without them.
create table /* schema */.metric_due (
  span integer not null,
  at bigint not null,
  touched bigint not null default 0,
  primary key (span, at)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);`,
  },
  {
    version: 5,
    name: '0005_scaling_and_orders',
    sql: `-- How many jobs of a queue a node may run at the same time, as an operator said it; null where the configuration counts.
alter table /* schema */.queue
  add column scale_min integer check (scale_min >= 1),
  add column scale_max integer check (scale_max >= scale_min);

alter table /* schema */.node
  -- What an operator wants of the node; null is nothing.
  add column wanted text check (wanted in ('quiet', 'stop')),
  -- Who freed the jobs of a dead node, and how many: JSON.
  add column rescue text;

-- Until when somebody looks at the nodes, in one row: they show themselves more often.
create table /* schema */.watch (
  watched_until bigint not null
) with (fillfactor = 50);

insert into /* schema */.watch (watched_until) values (0);`,
  },
  {
    version: 6,
    name: '0006_traces',
    sql: `-- The trace context of whoever enqueued a job, as the headers that carry it: a JSON object. Null where nothing is traced.
alter table /* schema */.job add column trace text;
alter table /* schema */.history add column trace text;
alter table /* schema */.dead add column trace text;`,
  },
]
