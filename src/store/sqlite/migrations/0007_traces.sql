-- The trace context of whoever enqueued a job, as the headers that carry it: a JSON object. Null where nothing is traced.
alter table millrace_job add column trace text;
alter table millrace_history add column trace text;
alter table millrace_dead add column trace text;
