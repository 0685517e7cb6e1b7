-- Named parameter sets of a tenant. A version never changes; a new one is a new row. Those that are shipped are no rows.
CREATE TABLE preset (
  id         text PRIMARY KEY,
  tenant_id  text NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  name       text NOT NULL,
  version    integer NOT NULL,
  category   text,
  input      jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, name, version)
);
CREATE INDEX preset_list ON preset (tenant_id, id DESC);
