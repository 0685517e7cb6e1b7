-- How many of so many more generations a tenant may have under way. Near its limit, those who ask wait for each other, so that the
-- limit holds exactly; far from it (by more than the connections that could be asking at once) one more waits for nobody. Who asks
-- for many always waits: two batches must not fill the same room. Inside a volatile function every query sees what was committed
-- before it, which a plain subquery of the inserting statement would not.
CREATE FUNCTION room_for(tenant text, most integer, wanted integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  active integer;
BEGIN
  IF wanted = 0 THEN RETURN 0; END IF;
  SELECT count(*) INTO active FROM (SELECT FROM generation WHERE tenant_id = tenant AND status IN ('queued', 'processing') LIMIT most) AS found;
  IF wanted = 1 AND active + 100 < most THEN RETURN 1; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(tenant, 0));
  SELECT count(*) INTO active FROM (SELECT FROM generation WHERE tenant_id = tenant AND status IN ('queued', 'processing') LIMIT most) AS found;
  RETURN greatest(0, least(wanted, most - active));
END $$;
DROP FUNCTION has_room(text, integer);

-- Up to 1,000 generations asked for at once. How far it is, is counted from their rows.
CREATE TABLE batch (
  id                  text PRIMARY KEY,
  tenant_id           text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  webhook_url         text,
  cancel_requested_at timestamptz,
  created_at          timestamptz NOT NULL DEFAULT now(),
  completed_at        timestamptz                              -- when its end was noticed and told, once
);
CREATE INDEX batch_list ON batch (tenant_id, id DESC);
CREATE INDEX batch_open ON batch (id) WHERE completed_at IS NULL;
CREATE INDEX generation_batch_active ON generation (batch_id) WHERE batch_id IS NOT NULL AND status IN ('queued', 'processing');

-- What was asked for, in the order given: a generation, or the reason why there is none.
CREATE TABLE batch_item (
  batch_id      text NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
  place         integer NOT NULL,
  custom_id     text NOT NULL,
  generation_id text,
  error         jsonb,
  PRIMARY KEY (batch_id, place),
  CHECK ((generation_id IS NULL) <> (error IS NULL))
);
