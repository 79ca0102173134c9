-- How many jobs of a queue a node may run at the same time, as an operator said it; null where the configuration counts.
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

insert into millrace_watch (watched_until) values (0);
