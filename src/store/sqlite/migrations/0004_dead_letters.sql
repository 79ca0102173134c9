-- What makes errors alike: sixteen hexadecimal digits; empty where a job failed before there were any. And what its node knew
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

create index millrace_dead_notice_due on millrace_dead_notice (due_at);
