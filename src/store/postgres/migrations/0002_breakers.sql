-- Circuit breakers: one for each job name or key, in one queue, of which calls were counted or which an operator has set.
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

create index audit_at on /* schema */.audit (at);
