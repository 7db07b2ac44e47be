-- The version of the database schema.
-- Columns: version
SELECT provd.schema_version() AS version
