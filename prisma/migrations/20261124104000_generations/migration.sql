-- An Idempotency-Key belongs to whatever a request has made. The key outlives what it made: then a replay says that it is gone.
ALTER TABLE idempotency_key ADD COLUMN resource_id text;
UPDATE idempotency_key SET resource_id = coalesce(generation_id, upload_id);
DELETE FROM idempotency_key WHERE resource_id IS NULL;
ALTER TABLE idempotency_key ALTER COLUMN resource_id SET NOT NULL, DROP COLUMN generation_id, DROP COLUMN upload_id;

-- Where a generation comes from.
ALTER TABLE generation
  ADD COLUMN batch_id   text,   -- the batch that asked for it,
  ADD COLUMN custom_id  text,   -- under the client's own name
  ADD COLUMN retry_of   text,   -- the generation that was asked for again
  ADD COLUMN subject_id text;   -- the subject whose references it uses instead of pictures
CREATE INDEX generation_batch ON generation (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX generation_subject ON generation (subject_id) WHERE subject_id IS NOT NULL;
