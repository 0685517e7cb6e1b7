-- The journey of a generation. Postgres is the truth: the queue may lose everything, these tables may not.
-- Ids are `<prefix>_<26 base32 characters>` (UUIDv7), so that a primary key sorts by time. All times are the database's own.

CREATE TABLE tenant (
  id                    text PRIMARY KEY,
  name                  text NOT NULL UNIQUE,
  rate_limit_per_minute integer NOT NULL DEFAULT 600,
  max_active            integer NOT NULL DEFAULT 1000,
  monthly_images        integer,
  webhook_secret        text NOT NULL,          -- whsec_…; signs webhooks that have no endpoint secret of their own
  created_at            timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
  id          text PRIMARY KEY,
  tenant_id   text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  name        text NOT NULL,
  secret_hash bytea NOT NULL,                   -- SHA-256; the secret has 256 random bits, so no slow hash is needed
  scopes      text[] NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz,
  revoked_at  timestamptz
);
CREATE INDEX api_key_tenant ON api_key (tenant_id);

CREATE TABLE upload (
  id           text PRIMARY KEY,
  tenant_id    text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  status       text NOT NULL CHECK (status IN ('pending', 'ready', 'rejected')),
  filename     text NOT NULL,
  content_type text NOT NULL,
  size         integer NOT NULL,
  sha256       text NOT NULL,
  object_key   text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz NOT NULL
);
CREATE INDEX upload_expiry ON upload (expires_at);

CREATE TABLE generation (
  id                    text PRIMARY KEY,
  tenant_id             text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  status                text NOT NULL CHECK (status IN ('queued', 'processing', 'succeeded', 'failed', 'canceled', 'expired')),
  stage                 text CHECK (stage IN ('parse', 'embed', 'sample')),   -- the stage that is queued or processing; null once terminal
  sequence              integer NOT NULL DEFAULT 1,                            -- +1 with every visible change
  input                 jsonb NOT NULL,                                        -- the request's input, defaults and seed filled in, pictures as upload ids or URLs
  pack                  jsonb NOT NULL,                                        -- {name, version, trained}
  priority              text NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high')),
  metadata              jsonb NOT NULL DEFAULT '{}',
  webhook_url           text,
  webhook_events        text[] NOT NULL DEFAULT '{completed}',
  progress              jsonb,                                                 -- {step, total} of the present stage
  error                 jsonb,
  warnings              text[] NOT NULL DEFAULT '{}',
  gpu_seconds           double precision NOT NULL DEFAULT 0,
  images                integer NOT NULL DEFAULT 0,
  retention             interval NOT NULL DEFAULT '30 days',
  cancel_requested_at   timestamptz,
  deadline_at           timestamptz,
  created_at            timestamptz NOT NULL DEFAULT now(),
  started_at            timestamptz,
  completed_at          timestamptz,
  expires_at            timestamptz,                                           -- completed_at + retention
  data_removed          boolean NOT NULL DEFAULT false,
  CHECK ((status IN ('queued', 'processing')) = (completed_at IS NULL))
);
CREATE INDEX generation_list ON generation (tenant_id, id DESC);
CREATE INDEX generation_active ON generation (tenant_id) WHERE status IN ('queued', 'processing');
CREATE INDEX generation_deadline ON generation (deadline_at) WHERE status IN ('queued', 'processing') AND deadline_at IS NOT NULL;
CREATE INDEX generation_canceling ON generation (cancel_requested_at) WHERE status IN ('queued', 'processing') AND cancel_requested_at IS NOT NULL;

-- Whether a tenant may have one more generation under way. Near its limit, those who ask wait for each other, so that the limit holds
-- exactly; far from it (by more than the connections that could be asking at once) nobody waits. Inside a volatile function every
-- query sees what was committed before it, which a plain subquery of the inserting statement would not.
CREATE FUNCTION has_room(tenant text, most integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  active integer;
BEGIN
  SELECT count(*) INTO active FROM (SELECT FROM generation WHERE tenant_id = tenant AND status IN ('queued', 'processing') LIMIT most) AS found;
  IF active + 100 < most THEN RETURN true; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(tenant, 0));
  SELECT count(*) INTO active FROM (SELECT FROM generation WHERE tenant_id = tenant AND status IN ('queued', 'processing') LIMIT most) AS found;
  RETURN active < most;
END $$;

-- One row per stage of a generation; a claim mints `attempt`, the fence that every later write carries.
CREATE TABLE stage (
  id            text PRIMARY KEY,
  generation_id text NOT NULL REFERENCES generation (id) ON DELETE CASCADE,
  tenant_id     text NOT NULL,
  name          text NOT NULL CHECK (name IN ('parse', 'embed', 'sample')),
  queue         text NOT NULL,                                                 -- worker class: parsing, embedding, diffusion
  status        text NOT NULL CHECK (status IN ('queued', 'processing', 'succeeded', 'failed', 'canceled')),
  attempt       integer NOT NULL DEFAULT 0,
  max_attempts  integer NOT NULL DEFAULT 3,
  enqueued      integer NOT NULL DEFAULT 0,                                    -- times relayed: the n of the queue's job id `<stage>-<n>`
  enqueued_at   timestamptz,                                                   -- when it was last relayed; null while only in the outbox
  worker_id     text,
  lease_until   timestamptz,
  error         jsonb,                                                         -- of the last attempt
  gpu_seconds   double precision NOT NULL DEFAULT 0,
  queued_at     timestamptz NOT NULL DEFAULT now(),
  started_at    timestamptz,
  completed_at  timestamptz,
  UNIQUE (generation_id, name)
);
CREATE INDEX stage_demand ON stage (queue, status, queued_at) WHERE status IN ('queued', 'processing');
CREATE INDEX stage_lease ON stage (lease_until) WHERE status = 'processing';

-- What a committed stage left. An object exists for users only once a row here points at it.
CREATE TABLE artifact (
  id            text PRIMARY KEY,
  generation_id text NOT NULL REFERENCES generation (id) ON DELETE CASCADE,
  tenant_id     text NOT NULL,
  stage         text NOT NULL,
  name          text NOT NULL,                                                 -- as flow.ts names it: face, label-map, regions, identity, prompt-rows, images
  index         integer NOT NULL DEFAULT 0,
  object_key    text NOT NULL,                                                 -- t/<tenant>/<generation>/<stage>/<attempt>/<name>-<index>
  content_type  text NOT NULL,
  size          integer NOT NULL,
  sha256        text NOT NULL,
  detail        jsonb NOT NULL DEFAULT '{}',                                   -- width, height, seed of a picture; the name of a region
  created_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (generation_id, name, index)
);
CREATE INDEX artifact_object ON artifact (object_key);
CREATE INDEX upload_object ON upload (object_key);
CREATE INDEX generation_expiry ON generation (expires_at) WHERE NOT data_removed;

-- What changed, in order; kept as long as the generation.
CREATE TABLE event (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  generation_id text NOT NULL REFERENCES generation (id) ON DELETE CASCADE,
  tenant_id     text NOT NULL,
  sequence      integer NOT NULL,
  type          text NOT NULL,                                                 -- status | progress | completed
  data          jsonb NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_of_generation ON event (generation_id, sequence);

-- Messages that must reach the queue, written in the same statement as the change that calls for them.
CREATE TABLE outbox (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job          text NOT NULL,                                                  -- a name of contracts/jobs.ts
  queue        text NOT NULL,
  ref_id       text NOT NULL,                                                  -- stage or delivery id
  n            integer NOT NULL,                                               -- makes the queue's job id unique: `<ref>-<n>`
  tenant_id    text NOT NULL,
  priority     text NOT NULL DEFAULT 'normal',
  available_at timestamptz NOT NULL DEFAULT now(),
  created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_ready ON outbox (queue, available_at, id);
CREATE INDEX outbox_ref ON outbox (ref_id);

CREATE TABLE idempotency_key (
  tenant_id     text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  key           text NOT NULL,
  request_hash  bytea NOT NULL,                                                -- SHA-256 of route and canonical body
  generation_id text REFERENCES generation (id) ON DELETE CASCADE,
  upload_id     text REFERENCES upload (id) ON DELETE CASCADE,
  status_code   integer NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

CREATE TABLE webhook_delivery (
  id              text PRIMARY KEY,
  tenant_id       text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  generation_id   text REFERENCES generation (id) ON DELETE CASCADE,
  type            text NOT NULL,                                               -- generation.started | generation.progress | generation.completed
  sequence        integer NOT NULL,
  url             text NOT NULL,
  body            jsonb NOT NULL,                                              -- exactly what is signed and sent, every time
  status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'succeeded', 'failed', 'exhausted')),
  attempt         integer NOT NULL DEFAULT 0,
  lease_until     timestamptz,
  next_attempt_at timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  completed_at    timestamptz
);
CREATE INDEX webhook_delivery_of_generation ON webhook_delivery (generation_id);
CREATE INDEX webhook_delivery_lease ON webhook_delivery (lease_until) WHERE status = 'pending' AND lease_until IS NOT NULL;

-- The delivery log.
CREATE TABLE webhook_attempt (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  delivery_id      text NOT NULL REFERENCES webhook_delivery (id) ON DELETE CASCADE,
  attempt          integer NOT NULL,
  at               timestamptz NOT NULL DEFAULT now(),
  status_code      integer,
  duration_ms      integer NOT NULL,
  error            text,
  response_excerpt text
);
CREATE INDEX webhook_attempt_of_delivery ON webhook_attempt (delivery_id);

-- Live workers: slots are derived from these rows and the stages in process, never counted up and down.
CREATE TABLE worker (
  id         text PRIMARY KEY,
  class      text NOT NULL,
  slots      integer NOT NULL DEFAULT 1,
  host       text NOT NULL,
  pid        integer NOT NULL,
  state      text NOT NULL DEFAULT 'starting',                                 -- starting | idle | busy | draining
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX worker_class ON worker (class, seen_at);
