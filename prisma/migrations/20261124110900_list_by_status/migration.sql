-- Of a tenant's generations nearly all have succeeded; the others are found among them by this, be it to list or to count them.
CREATE INDEX generation_unsuccessful ON generation (tenant_id, status, id DESC) WHERE status <> 'succeeded';
DROP INDEX generation_active;
