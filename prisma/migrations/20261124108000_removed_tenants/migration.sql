-- A tenant that was deleted goes with all its rows. What was under way at that moment may still write an object: the id stays here for a
-- while, and the objects below it are looked for once more.
CREATE TABLE removed_tenant (
  id         text PRIMARY KEY,
  removed_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE tenant DROP COLUMN removed_at;

-- Whether a failed generation was asked for again.
CREATE INDEX generation_retry ON generation (retry_of) WHERE retry_of IS NOT NULL;
