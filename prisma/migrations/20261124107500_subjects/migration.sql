-- A generation whose data somebody wants gone. The dispatcher ends it if need be, removes its objects, and empties its rows.
ALTER TABLE generation ADD COLUMN removal_requested_at timestamptz;
CREATE INDEX generation_removal ON generation (removal_requested_at) WHERE removal_requested_at IS NOT NULL AND NOT data_removed;
CREATE INDEX idempotency_key_resource ON idempotency_key (resource_id);

-- A person whose references are kept for many generations, with the ground on which they are. Once erased only the id is left.
CREATE TABLE subject (
  id               text PRIMARY KEY,
  tenant_id        text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  external_id      text,
  consent          jsonb,
  reference_images jsonb NOT NULL DEFAULT '[]',   -- [{object_key, content_type, size, sha256}], encrypted under the subject's own data key
  uploads          text[] NOT NULL DEFAULT '{}',  -- the uploads that the references were copied from
  retention        text,                          -- ISO 8601, as given
  created_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz,
  erased_at        timestamptz                    -- from here on nothing is made of it, and its data key does not exist any more
);
CREATE INDEX subject_list ON subject (tenant_id, id DESC);
CREATE INDEX subject_expiry ON subject (expires_at) WHERE erased_at IS NULL AND expires_at IS NOT NULL;

-- The erasure of a subject, and then its receipt. What was removed is written down before it is removed, so that a crash loses nothing.
CREATE TABLE erasure (
  id                 text PRIMARY KEY,
  tenant_id          text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  subject_id         text NOT NULL UNIQUE,
  started_at         timestamptz NOT NULL DEFAULT now(),
  completed_at       timestamptz,
  object_keys_sha256 text[] NOT NULL DEFAULT '{}',
  rows               integer NOT NULL DEFAULT 0,  -- deleted or emptied
  cache_entries      integer NOT NULL DEFAULT 0,
  generations        integer NOT NULL DEFAULT 0
);
CREATE INDEX erasure_open ON erasure (started_at) WHERE completed_at IS NULL;

-- What parse and embed have found in a subject's reference, for its next generations. The key is an HMAC under a key of the tenant.
CREATE TABLE cache_entry (
  tenant_id  text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  key        bytea NOT NULL,
  subject_id text NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
  stage      text NOT NULL CHECK (stage IN ('parse', 'embed')),
  artifacts  jsonb NOT NULL,                      -- as the completing statement takes them
  warnings   text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);
CREATE INDEX cache_entry_subject ON cache_entry (subject_id);
ALTER TABLE stage ADD COLUMN cached boolean NOT NULL DEFAULT false;   -- its result was there already
