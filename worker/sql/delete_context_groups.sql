-- Deletes the groups of contexts, with what deleted accounts have left in them.
-- $1 text[] contexts
WITH members AS (
    DELETE FROM provd.group_member WHERE context = ANY ($1::text[])
)
DELETE FROM provd.mail_group
WHERE context = ANY ($1::text[])
