-- What a client keeps with a file (Replicate's clients send a JSON object with every upload), and the list of a tenant's files.
ALTER TABLE upload ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
CREATE INDEX upload_list ON upload (tenant_id, id DESC);
