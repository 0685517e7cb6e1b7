-- Webhook endpoints: addresses of a tenant that hear of all its events, beside the one that a request may name for itself.

CREATE TABLE webhook_endpoint (
  id                    text PRIMARY KEY,
  tenant_id             text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  url                   text NOT NULL,
  events                text[] NOT NULL,                                       -- types of contracts/events.ts
  description           text,
  secret                text NOT NULL,                                         -- whsec_…
  previous_secret       text,                                                  -- signs beside `secret` while a rotation is under way
  previous_secret_until timestamptz,
  status                text NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled')),
  disabled_reason       text CHECK (disabled_reason IN ('requested', 'receiver_gone', 'failing')),
  failing_since         timestamptz,                                           -- the first failed attempt since the last one that succeeded
  sequence              integer NOT NULL DEFAULT 1,                            -- +1 with every event of its own
  created_at            timestamptz NOT NULL DEFAULT now(),
  updated_at            timestamptz NOT NULL DEFAULT now(),
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL))
);
CREATE INDEX webhook_endpoint_list ON webhook_endpoint (tenant_id, id DESC);

ALTER TABLE tenant
  ADD COLUMN previous_webhook_secret       text,
  ADD COLUMN previous_webhook_secret_until timestamptz;

ALTER TABLE webhook_delivery
  ADD COLUMN endpoint_id     text,                                             -- null: the request's own webhook. No foreign key: an endpoint may go while an event is written
  ADD COLUMN format          text NOT NULL DEFAULT 'standard',                 -- who makes what is sent: apps/dispatcher/src/webhook-body.ts
  ADD COLUMN attempts_before integer NOT NULL DEFAULT 0;                       -- attempts before the last replay: the schedule begins after them
CREATE INDEX webhook_delivery_of_endpoint ON webhook_delivery (endpoint_id, id DESC) WHERE endpoint_id IS NOT NULL;
COMMENT ON COLUMN webhook_delivery.type IS 'a type of contracts/events.ts';

-- The format of the request's own webhook.
ALTER TABLE generation ADD COLUMN webhook_format text NOT NULL DEFAULT 'standard';

-- An id as contracts/ids.ts makes it, for rows whose number is known only inside a statement: 128 bits of a UUIDv7 in 26 digits
-- of Crockford's base32. The random bits and the variant are those of gen_random_uuid.
CREATE FUNCTION new_id(prefix text) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT prefix || '_' || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', substr(bits, 5 * i + 1, 5)::bit(5)::int + 1, 1), '' ORDER BY i)
    FROM (SELECT '00' || ('x' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
                              || substr(replace(gen_random_uuid()::text, '-', ''), 14))::bit(128)::text AS bits) AS id,
         generate_series(0, 25) AS i
   GROUP BY prefix
$$;
