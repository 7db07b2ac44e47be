-- Account groups that events name by their names; they cannot vanish or change their name before the commit.
-- $1 text[] contexts, $2 text[] names, pair by pair
-- Columns: those of mail_group, in the order of group_columns (domain/group.c).
SELECT
    g.context, g.number, g.name, g.version, g.revision, g.created_at, g.updated_at
FROM provd.mail_group g
JOIN unnest($1::text[], $2::text[]) AS k (context, name) ON g.context = k.context AND g.name = k.name
ORDER BY g.context, g.number
FOR KEY SHARE OF g
