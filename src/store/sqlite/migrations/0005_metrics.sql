-- What attempts came to, by span, queue and job name: minutes as processes count them, hours and days added up from those.
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
) strict, without rowid;
