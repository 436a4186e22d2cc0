-- Every write forgets records that have ended; it must not read all the others for that.
CREATE INDEX records_ending ON records (ends_at) WHERE ends_at IS NOT NULL;
