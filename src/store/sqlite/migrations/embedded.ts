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
    sql: `-- The tables of the embedded store. All names begin with millrace_, because the file may be the application's own.
-- Times are milliseconds since 1970. The defaults and checks let a row be written by hand:
--   insert into millrace_job (name, args) values ('mailer.ping', '["example.org"]');

-- The version of this schema, in one row; \`user_version\` belongs to the application.
create table millrace_schema (
  version integer not null
) strict;

insert into millrace_schema (version) values (0);

-- Jobs that have not ended. A row written by hand starts as scheduled and is promoted when it is due, which is at once
-- unless it says otherwise.
create table millrace_job (
  -- The order of insertion; ties between jobs of one priority and due time are broken by it.
  seq integer primary key,
  id text not null unique
    default (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
      || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
    check (length(id) between 1 and 255),
  name text not null check (length(name) between 1 and 1000),
  queue text not null default 'default' check (length(queue) between 1 and 1000),
  state text not null default 'scheduled' check (state in ('scheduled', 'queued', 'running')),
  args text not null default '[]',
  args_codec text not null default 'json' check (args_codec in ('json', 'devalue')),
  priority integer not null default 0 check (priority between -100 and 100),
  due_at integer not null default (cast(unixepoch('subsec') * 1000 as integer)) check (due_at between 0 and 9007199254740991),
  created_at integer not null default (cast(unixepoch('subsec') * 1000 as integer)) check (created_at between 0 and 9007199254740991),
  attempt integer not null default 0 check (attempt between 0 and 1000000000),
  max_attempts integer not null default 3 check (max_attempts between 1 and 1000000000),
  crashes integer not null default 0 check (crashes between 0 and 1000000000),
  -- {"baseMs":…,"factor":…,"maxMs":…}; null is the default backoff.
  backoff text,
  timeout_ms real check (timeout_ms >= 0),
  key text,
  key_seq integer,
  unique_key text,
  tags text not null default '[]',
  -- Why nobody can run a queued job; such a row is outside the ready index.
  parked text,
  -- The claim that holds the job. It stays after a retry or snooze, so that a repeated ack is known again.
  lease text,
  node text,
  claimed_at integer,
  started_at integer,
  cancel_requested integer not null default 0 check (cancel_requested in (0, 1)),
  progress real,
  error text,
  check (state <> 'running' or (lease is not null and node is not null and claimed_at is not null))
) strict;

-- What a claim walks: the ready jobs of a queue in their order, and nothing else.
create index millrace_job_ready on millrace_job (queue, priority, due_at) where state = 'queued' and parked is null;
-- What promotion and the timer for the next due job look at.
create index millrace_job_scheduled on millrace_job (queue, due_at) where state = 'scheduled';
-- What a node holds: for rescue, retirement and orders.
create index millrace_job_running on millrace_job (node) where state = 'running';
-- What a new node looks through for jobs that it can run.
create index millrace_job_parked on millrace_job (queue, name, due_at) where parked is not null;

-- Completed and cancelled jobs.
create table millrace_history (
  id text not null primary key,
  name text not null,
  queue text not null,
  state text not null check (state in ('completed', 'cancelled')),
  args text not null,
  args_codec text not null,
  priority integer not null,
  due_at integer not null,
  created_at integer not null,
  attempt integer not null,
  max_attempts integer not null,
  crashes integer not null,
  backoff text,
  timeout_ms real,
  key text,
  key_seq integer,
  unique_key text,
  tags text not null,
  -- The claim whose ack ended the job; null when it was ended otherwise.
  lease text,
  node text,
  started_at integer,
  ended_at integer not null,
  progress real,
  error text,
  result text,
  result_codec text check (result_codec in ('json', 'devalue'))
) strict;

-- What pruning walks.
create index millrace_history_ended on millrace_history (queue, state, ended_at);

-- Failed jobs: the dead letters.
create table millrace_dead (
  id text not null primary key,
  name text not null,
  queue text not null,
  state text not null default 'failed' check (state = 'failed'),
  args text not null,
  args_codec text not null,
  priority integer not null,
  due_at integer not null,
  created_at integer not null,
  attempt integer not null,
  max_attempts integer not null,
  crashes integer not null,
  backoff text,
  timeout_ms real,
  key text,
  key_seq integer,
  unique_key text,
  tags text not null,
  lease text,
  node text,
  started_at integer,
  ended_at integer not null,
  progress real,
  error text,
  result text,
  result_codec text
) strict;

-- What pruning walks.
create index millrace_dead_ended on millrace_dead (queue, state, ended_at);

-- Attempts that ended otherwise than completed, in the order in which they ended. They outlive an operator's retry.
create table millrace_attempt_error (
  seq integer primary key autoincrement,
  job_id text not null,
  attempt integer not null,
  lease text,
  node text,
  started_at integer,
  ended_at integer,
  error text
) strict;

create index millrace_attempt_error_job on millrace_attempt_error (job_id);

-- Log lines. An attempt is named by job and lease, because attempt numbers start again after an operator's retry.
create table millrace_job_log (
  seq integer primary key autoincrement,
  job_id text not null,
  lease text not null,
  line text not null
) strict;

create index millrace_job_log_job on millrace_job_log (job_id, lease);

-- Settings of queues that outlive processes.
create table millrace_queue (
  name text not null primary key,
  is_paused integer not null default 0 check (is_paused in (0, 1))
) strict, without rowid;

-- Processes that run jobs.
create table millrace_node (
  id text not null primary key,
  host text not null,
  pid integer not null,
  pid_scope text,
  pid_start text,
  version text not null,
  beat_ms real not null,
  started_at integer not null,
  beat_at integer not null,
  beat_seq integer not null,
  -- When it was declared dead; null while it lives.
  dead_at integer,
  queues text not null,
  jobs text not null,
  snapshot text
) strict;

-- How many jobs of a queue ended in a second.
create table millrace_rollup (
  queue text not null,
  second integer not null,
  ended integer not null,
  primary key (queue, second)
) strict, without rowid;`,
  },
  {
    version: 2,
    name: '0002_published_jobs',
    sql: `-- What nodes publish of their jobs, by name. It outlives the nodes: producers without code look here.
create table millrace_published_job (
  name text not null primary key,
  -- The published settings as JSON; the newest registration wins.
  settings text not null
) strict, without rowid;

insert or replace into millrace_published_job (name, settings)
  select json_extract(job.value, '$.name'), job.value
  from millrace_node join json_each(millrace_node.jobs) job order by millrace_node.started_at;

-- Counts the wakes, in one row: other processes notice that the file changed.
create table millrace_wake (
  count integer not null
) strict;

insert into millrace_wake (count) values (0);`,
  },
  {
    version: 3,
    name: '0003_breakers',
    sql: `-- Circuit breakers: one for each job name or key, in one queue, of which calls were counted or which an operator has set.
create table millrace_breaker (
  queue text not null,
  kind text not null check (kind in ('name', 'key')),
  subject text not null,
  state text not null check (state in ('closed', 'open', 'half-open')),
  -- When probes may be let through; null when nothing will change by itself.
  open_until integer,
  version integer not null,
  -- When the state changed last; null when it never did.
  changed_at integer,
  -- When anything of it changed last.
  touched_at integer not null,
  -- Whether jobs may be parked for it.
  has_parked integer not null default 0 check (has_parked in (0, 1)),
  -- Everything else, as JSON.
  content text not null,
  primary key (queue, kind, subject)
) strict, without rowid;

-- What a claim looks at: nothing while all is well.
create index millrace_breaker_active on millrace_breaker (queue) where state <> 'closed' or has_parked = 1;
-- What is shown of those that have ever opened, and what is pruned.
create index millrace_breaker_changed on millrace_breaker (changed_at) where changed_at is not null;
create index millrace_breaker_touched on millrace_breaker (touched_at);

-- The way to jobs that are parked for the breaker of their key, in their order.
create index millrace_job_parked_key on millrace_job (queue, key, due_at) where parked = 'breaker-key';

-- What operators did: one row for each of their commands.
create table millrace_audit (
  id text not null primary key,
  at integer not null,
  -- Who did it, as far as the caller says.
  author text not null,
  action text not null,
  queue text,
  -- What it was about, as JSON.
  target text not null,
  -- How many jobs it changed; null where it is not about jobs.
  jobs integer,
  reason text
) strict;

create index millrace_audit_at on millrace_audit (at);`,
  },
  {
    version: 4,
    name: '0004_dead_letters',
    sql: `-- What makes errors alike: sixteen hexadecimal digits; empty where a job failed before there were any. And what its node knew
-- in the moment in which the job failed, as JSON.
alter table millrace_dead add column fingerprint text not null default '';
alter table millrace_dead add column forensics text;

-- What the groups of dead letters are read from, and what a group is walked by.
create index millrace_dead_group on millrace_dead (name, fingerprint, ended_at);
create index millrace_dead_fingerprint on millrace_dead (fingerprint, id);

-- Null for what was no error, and for errors from before there were any fingerprints.
alter table millrace_attempt_error add column name text;
alter table millrace_attempt_error add column fingerprint text;

create index millrace_attempt_error_group on millrace_attempt_error (name, fingerprint, ended_at) where fingerprint is not null;

-- Whether somebody who wants to be told of dead letters runs there.
alter table millrace_node add column is_notifying integer not null default 0 check (is_notifying in (0, 1));

-- Dead letters that somebody is to be told of. Whoever tells puts the due time off meanwhile, so that another does it when he
-- does not come back.
create table millrace_dead_notice (
  seq integer primary key autoincrement,
  job_id text not null,
  -- Tells this death of the job from others.
  died_at integer not null,
  attempt integer not null default 0,
  -- Who took it last.
  node text,
  due_at integer not null
) strict;

create index millrace_dead_notice_due on millrace_dead_notice (due_at);`,
  },
  {
    version: 5,
    name: '0005_metrics',
    sql: `-- What attempts came to, by span, queue and job name: minutes as processes count them, hours and days added up from those.
create table millrace_metric (
  -- In milliseconds: 60000, 3600000 or 86400000.
  span integer not null,
  at integer not null,
  queue text not null,
  name text not null,
  -- Who counted; empty for what was added up.
  source text not null,
  completed integer not null,
  snoozed integer not null,
  cancelled integer not null,
  discarded integer not null,
  retried integer not null,
  failed integer not null,
  wait_ms real not null,
  run_ms real not null,
  -- {"<number of a bucket>":<count>,…}
  wait text not null,
  run text not null,
  primary key (span, at, queue, name, source)
) strict, without rowid;

-- The hours and days that are not added up yet, or are to be added up again.
create table millrace_metric_due (
  span integer not null,
  at integer not null,
  primary key (span, at)
) strict, without rowid;`,
  },
  {
    version: 6,
    name: '0006_scaling_and_orders',
    sql: `-- How many jobs of a queue a node may run at the same time, as an operator said it; null where the configuration counts.
alter table millrace_queue add column scale_min integer check (scale_min >= 1);
alter table millrace_queue add column scale_max integer check (scale_max >= scale_min);

-- What an operator wants of a node; null is nothing.
alter table millrace_node add column wanted text check (wanted in ('quiet', 'stop'));
-- Who freed the jobs of a dead node, and how many: JSON.
alter table millrace_node add column rescue text;

-- Until when somebody looks at the nodes, in one row: they show themselves more often.
create table millrace_watch (
  watched_until integer not null
) strict;

insert into millrace_watch (watched_until) values (0);`,
  },
  {
    version: 7,
    name: '0007_traces',
    sql: `-- The trace context of whoever enqueued a job, as the headers that carry it: a JSON object. Null where nothing is traced.
alter table millrace_job add column trace text;
alter table millrace_history add column trace text;
alter table millrace_dead add column trace text;`,
  },
]
