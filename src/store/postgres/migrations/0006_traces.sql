-- The trace context of whoever enqueued a job, as the headers that carry it: a JSON object. Null where nothing is traced.
alter table /* schema */.job add column trace text;
alter table /* schema */.history add column trace text;
alter table /* schema */.dead add column trace text;
