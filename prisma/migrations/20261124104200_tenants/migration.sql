-- Tenants and keys that are administered: a default retention, a removal in two steps, a secret that is replaced with an overlap.
ALTER TABLE tenant
  ADD COLUMN retention  text NOT NULL DEFAULT 'P30D',   -- ISO 8601, as given; of generations that name none
  ADD COLUMN deleted_at timestamptz,                    -- from here on nothing new is taken, and what there is is being removed
  ADD COLUMN removed_at timestamptz;                    -- nothing is left but this row, which outlives every request and stage that was under way
CREATE INDEX tenant_deleted ON tenant (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE api_key
  ADD COLUMN previous_hash  bytea,                      -- the secret before the last rotation
  ADD COLUMN previous_until timestamptz;

-- What each ended generation used, appended by the statement that ends it: rows of their own, so that two ends never wait for each other.
-- The dispatcher folds them into `usage_day`. Both outlive the generation.
CREATE TABLE usage_entry (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id   text NOT NULL,
  day         date NOT NULL,                            -- UTC
  status      text NOT NULL,
  images      integer NOT NULL,
  gpu_seconds double precision NOT NULL,
  cache_hits  integer NOT NULL
);
CREATE INDEX usage_entry_tenant ON usage_entry (tenant_id);

CREATE TABLE usage_day (
  tenant_id   text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  day         date NOT NULL,
  succeeded   bigint NOT NULL,
  failed      bigint NOT NULL,
  canceled    bigint NOT NULL,
  expired     bigint NOT NULL,
  images      bigint NOT NULL,
  gpu_seconds double precision NOT NULL,
  cache_hits  bigint NOT NULL,
  PRIMARY KEY (tenant_id, day)
);

-- Both together, to be summed.
CREATE VIEW usage AS
  SELECT tenant_id, day, succeeded, failed, canceled, expired, images, gpu_seconds, cache_hits FROM usage_day
  UNION ALL
  SELECT tenant_id, day, (status = 'succeeded')::int, (status = 'failed')::int, (status = 'canceled')::int, (status = 'expired')::int,
         images, gpu_seconds, cache_hits
    FROM usage_entry;

CREATE FUNCTION this_month() RETURNS date LANGUAGE sql STABLE AS $$ SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date $$;

-- How many of the generations that a tenant asks for, in their order, it may begin, and why not all: `pictures` is what each makes. What
-- is under way counts as made. Near a limit, those who ask wait for each other, so that it holds exactly; far from it (by more than the
-- connections that could be asking at once) one more waits for nobody. Who asks for many always waits: two batches must not fill the
-- same room. Inside a volatile function every query sees what was committed before it, which a plain subquery of the inserting
-- statement would not.
DROP FUNCTION room_for;
CREATE FUNCTION admission(asking text, pictures integer[], OUT admitted integer, OUT refusal jsonb) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  wanted integer := coalesce(cardinality(pictures), 0);
  most   tenant%ROWTYPE;
  active integer;
  made   bigint := 0;
  paid   integer;
  alone  boolean := false;
BEGIN
  admitted := 0;
  IF wanted = 0 THEN RETURN; END IF;
  SELECT * INTO most FROM tenant WHERE id = asking AND deleted_at IS NULL;
  IF NOT FOUND THEN
    refusal := jsonb_build_object('code', 'unauthenticated');
    RETURN;
  END IF;
  LOOP
    IF alone OR wanted > 1 THEN
      PERFORM pg_advisory_xact_lock(hashtextextended(asking, 0));
      alone := true;
    END IF;
    SELECT count(*) INTO active
      FROM (SELECT FROM generation WHERE tenant_id = asking AND status IN ('queued', 'processing') LIMIT most.max_active) AS found;
    IF most.monthly_images IS NOT NULL THEN
      SELECT coalesce(sum(images), 0) INTO made FROM usage WHERE tenant_id = asking AND day >= this_month();
      SELECT made + coalesce(sum((input->>'num_images')::int), 0) INTO made
        FROM generation WHERE tenant_id = asking AND status IN ('queued', 'processing');
    END IF;
    EXIT WHEN alone;
    IF active + 100 < most.max_active AND (most.monthly_images IS NULL OR made + 800 < most.monthly_images) THEN
      admitted := 1;
      RETURN;
    END IF;
    alone := true;
  END LOOP;
  admitted := greatest(0, least(wanted, most.max_active - active));
  IF admitted < wanted THEN refusal := jsonb_build_object('code', 'queue_full', 'most', most.max_active, 'taken', active); END IF;
  IF most.monthly_images IS NOT NULL THEN
    SELECT count(*) INTO paid
      FROM (SELECT sum(p) OVER (ORDER BY nth) AS total FROM unnest(pictures) WITH ORDINALITY AS u (p, nth)) AS sums
     WHERE made + total <= most.monthly_images;
    IF paid < admitted THEN
      admitted := paid;
      refusal := jsonb_build_object('code', 'quota_exceeded', 'most', most.monthly_images, 'taken', made);
    END IF;
  END IF;
END $$;

-- Worker classes that an administrator has stopped: nothing is relayed to them, nothing is claimed by them.
CREATE TABLE paused_class (
  class     text PRIMARY KEY,
  paused_at timestamptz NOT NULL DEFAULT now()
);

-- What is looked through for dead letters, newest first.
CREATE INDEX generation_failed ON generation (id DESC) WHERE status = 'failed';
CREATE INDEX webhook_delivery_exhausted ON webhook_delivery (id DESC) WHERE status = 'exhausted';

-- Requests of a tenant in its present window, summed over the API processes about once a second. Lost in a crash, which costs nothing.
CREATE UNLOGGED TABLE rate_window (
  tenant_id text PRIMARY KEY,
  ends_at   timestamptz NOT NULL,
  used      bigint NOT NULL
);
