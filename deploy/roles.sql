-- One schema and one login role per service; no role has any right elsewhere. Run by `roundtable migrate` before the
-- migrations, as often as you like. Passwords are set separately; the owner of the tables cannot log in.

DO $$
DECLARE
    service text;
    login text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'roundtable_owner') THEN
        CREATE ROLE roundtable_owner NOLOGIN;
    END IF;
    IF NOT pg_has_role('roundtable_owner', 'SET') THEN
        EXECUTE format('GRANT roundtable_owner TO %I', current_user);
    END IF;

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE roundtable_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE roundtable_owner REVOKE USAGE ON TYPES FROM PUBLIC;

    FOREACH service IN ARRAY ARRAY['referrals', 'sites', 'surveys', 'reporting'] LOOP
        login := 'roundtable_' || service;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', login);
        END IF;
        EXECUTE format('ALTER ROLE %I SET search_path = %I', login, service);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), login);

        IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = service) THEN
            EXECUTE format('CREATE SCHEMA %I AUTHORIZATION roundtable_owner', service);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, login);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE roundtable_owner IN SCHEMA %I '
                       'GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', service, login);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE roundtable_owner IN SCHEMA %I '
                       'GRANT USAGE ON SEQUENCES TO %I', service, login);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE roundtable_owner IN SCHEMA %I '
                       'GRANT EXECUTE ON FUNCTIONS TO %I', service, login);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE roundtable_owner IN SCHEMA %I '
                       'GRANT USAGE ON TYPES TO %I', service, login);
    END LOOP;
END
$$;
