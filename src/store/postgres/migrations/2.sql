-- News of every write come with the write itself, whoever makes it and by whatever statement: replicas of another version, and
-- people, too. A payload is the number of the news, who wrote (the setting gatepost.writer), and what; nothing in it is a secret.
-- Whoever hears a number and not the one before it has missed something.
CREATE SEQUENCE news;

CREATE FUNCTION tell_news(of_schema TEXT, what TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    writer TEXT := coalesce(nullif(current_setting('gatepost.writer', true), ''), '-');
    told   TEXT := what;
BEGIN
    IF current_setting('gatepost.quiet', true) = 'on' AND what <> '*' THEN
        RETURN;
    END IF;
    -- PostgreSQL refuses what is longer than 8000 octets.
    IF octet_length(told) > 7800 THEN
        told := '*';
    END IF;
    PERFORM pg_notify('gatepost_' || of_schema, nextval('news') || ' ' || writer || ' ' || told);
END $$;

CREATE FUNCTION tell_of_token() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM tell_news(TG_TABLE_SCHEMA, 'forgotten ' || OLD.name);
    ELSE
        PERFORM tell_news(TG_TABLE_SCHEMA, concat_ws(' ', 'token', NEW.version, coalesce(NEW.expires_at::TEXT, '-'),
            CASE WHEN NEW.refresh_token IS NULL THEN '-' ELSE 'refresh' END, coalesce(NEW.authorized_at::TEXT, '-'),
            coalesce(NEW.refresh_ends_at::TEXT, '-'), coalesce(NEW.refreshed_at::TEXT, '-'),
            coalesce(NEW.trouble_class, '-'), coalesce(NEW.trouble_since::TEXT, '-'), coalesce(NEW.retry_at::TEXT, '-'),
            NEW.name));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_of_token AFTER INSERT OR UPDATE OR DELETE ON tokens
    FOR EACH ROW EXECUTE FUNCTION tell_of_token();

CREATE FUNCTION tell_of_record() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_news(TG_TABLE_SCHEMA, 'record ' || CASE WHEN TG_OP = 'DELETE' THEN OLD.kind ELSE NEW.kind END);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_of_record AFTER INSERT OR UPDATE OR DELETE ON records
    FOR EACH ROW EXECUTE FUNCTION tell_of_record();
