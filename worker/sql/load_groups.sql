-- Account groups that events rely on.
-- $1 text[] contexts, $2 text[] names, pair by pair
-- Columns: those of mail_group, in the order of group_columns (domain/domain.c).
SELECT
    g.context, g.name, g.number, g.version, g.revision, g.created_at, g.updated_at
FROM provd.mail_group g
JOIN unnest($1::text[], $2::text[]) AS k (context, name) ON g.context = k.context AND g.name = k.name
ORDER BY g.context, g.name
FOR KEY SHARE OF g
