//! SMTP submission (RFC 5321, 6409, 4954): login cores of both sides, and the conversation after login.
