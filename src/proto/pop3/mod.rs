//! POP3 (RFC 1939, 2449, 5034): login cores of both sides.
