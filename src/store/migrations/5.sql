-- For how long it was taken: who asks for it next may have another length in mind.
ALTER TABLE leases ADD COLUMN length REAL;
