-- The keys that objects are encrypted under, one for each upload, each subject, and each generation without a subject; its id is its
-- owner's. Wrapped by DATA_KEY_SECRET. Deleting a row destroys what was encrypted under it, wherever copies of the object lie: so
-- this table alone must not live on in old backups.
CREATE TABLE data_key (
  id        text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  wrapped   bytea NOT NULL
);

ALTER TABLE artifact ADD COLUMN data_key_id text;   -- what its object is encrypted under: the generation's, its subject's, or an upload's
