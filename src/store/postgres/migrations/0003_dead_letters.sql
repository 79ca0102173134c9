-- What makes errors alike: sixteen hexadecimal digits; empty where a job failed before there were any. And what its node knew
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

create index dead_notice_due on /* schema */.dead_notice (due_at);
