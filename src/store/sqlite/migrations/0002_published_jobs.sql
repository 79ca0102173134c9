-- What nodes publish of their jobs, by name. It outlives the nodes: producers without code look here.
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

insert into millrace_wake (count) values (0);
