-- What a stage that was stopped between two steps has saved: {object_key, sha256, gpu_seconds}. Written where the stage is handed back, gone where it ends.
ALTER TABLE stage ADD COLUMN resume jsonb;
