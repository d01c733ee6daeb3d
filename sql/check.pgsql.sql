-- SPDX-License-Identifier: Apache-2.0
--
-- Room for what `chatctl migrate --check` compares a database with: a schema of its
-- own, in which the schema's script then runs, in a transaction that is rolled
-- back. Until then the search_path is that schema and nothing else.
--
-- An application's tables are needed there too, because the script adapts to them
-- (chat.adapt is 'laravel'): copies of their columns and indexes, without rows.

DO $$
DECLARE
    here text := 'chat_check_' || pg_backend_pid();
    name text;
BEGIN
    EXECUTE format('CREATE SCHEMA %I', here);
    IF current_setting('chat.adapt') = 'laravel' THEN
        FOREACH name IN ARRAY ARRAY[
            'users', 'patients', 'doctors', 'treatment_requests',
            'treatment_request_doctors', 'messages', 'treatment_plans',
            'personal_access_tokens']
        LOOP
            IF to_regclass(name) IS NOT NULL THEN
                EXECUTE format(
                    'CREATE TABLE %I.%I (LIKE %s INCLUDING COMMENTS'
                    ' INCLUDING INDEXES)', here, name, to_regclass(name));
            END IF;
        END LOOP;
    END IF;
    PERFORM set_config('search_path', here, true);
END $$;
