-- How many jobs of a queue a node may run at the same time, as an operator said it; null where the configuration counts.
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

insert into /* schema */.watch (watched_until) values (0);
