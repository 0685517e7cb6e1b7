-- What the relay looks at in every round must not grow with what waits: a lane per queue, tenant and priority, of which it reads the first
-- few messages, and the stages that are in a queue or at work, which are never many.
DROP INDEX outbox_ready;
CREATE INDEX outbox_lane ON outbox (queue, tenant_id, priority, available_at, id);
CREATE INDEX stage_held ON stage (queue, tenant_id) WHERE status = 'processing' OR (status = 'queued' AND enqueued_at IS NOT NULL);

-- Rows of these live for seconds: the default threshold (a fifth of the table) would let dead ones pile up in front of every scan.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000);
ALTER TABLE stage SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000, fillfactor = 70);
ALTER TABLE generation SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000, fillfactor = 70);
ALTER TABLE worker SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
