//! IMAP4rev1 (RFC 3501): login cores of both sides.
