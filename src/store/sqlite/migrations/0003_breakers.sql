-- Circuit breakers: one for each job name or key, in one queue, of which calls were counted or which an operator has set.
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

create index millrace_audit_at on millrace_audit (at);
