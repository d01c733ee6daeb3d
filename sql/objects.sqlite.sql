-- SPDX-License-Identifier: Apache-2.0
--
-- Everything a SQLite database consists of, for `chatctl migrate --check`: kind,
-- key, name, state, definition (ctl/inventory.h). A script and no labelled
-- statement, because it is asked on a connection that changes no setting of the
-- file. A table's own text is not compared: ALTER TABLE changes it. It is given once
-- more, as `checks`, for the CHECK constraints in it: nothing else shows them.

SELECT type AS kind, name AS key, name, '' AS state,
       CASE WHEN type = 'table' THEN ''
            WHEN sql IS NULL THEN (SELECT group_concat(i.name)
                                   FROM pragma_index_info(m.name) AS i)
            ELSE sql END AS text
FROM sqlite_master AS m
WHERE type <> 'table' OR name NOT LIKE 'sqlite\_%' ESCAPE '\'
UNION ALL
SELECT 'column', m.name || '.' || c.name, m.name || '.' || c.name, '',
       upper(c.type) || ' ' || c."notnull" || ' ' || c.pk || ' '
       || coalesce(c.dflt_value, '')
FROM sqlite_master AS m
JOIN pragma_table_xinfo(m.name) AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
UNION ALL
SELECT 'constraint',
       m.name || ' FOREIGN KEY (' || group_concat(f."from") || ')',
       m.name || '.FOREIGN KEY (' || group_concat(f."from") || ')', '',
       f."table" || ' ' || coalesce(group_concat(f."to"), '') || ' '
       || f.on_update || ' ' || f.on_delete
FROM sqlite_master AS m
JOIN pragma_foreign_key_list(m.name) AS f
WHERE m.type = 'table'
GROUP BY m.name, f.id
UNION ALL
SELECT 'checks', name, name, '', sql
FROM sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
