-- What attempts came to, by span, queue and job name: minutes as processes count them, hours and days added up from those.
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
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
