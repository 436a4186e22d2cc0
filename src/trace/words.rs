//! The words that may be shown.

pub(super) fn known(table: &[&'static str], word: &[u8]) -> Option<&'static str> {
    table.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(word)).copied()
}

pub(super) const MECHANISMS: &[&str] = &[
    "PLAIN",
    "LOGIN",
    "XOAUTH2",
    "OAUTHBEARER",
    "CRAM-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "EXTERNAL",
    "GSSAPI",
    "NTLM",
];

/// Of MAIL and RCPT.
pub(super) const PARAMETERS: &[&str] = &[
    "SIZE",
    "BODY",
    "SMTPUTF8",
    "AUTH",
    "RET",
    "ENVID",
    "NOTIFY",
    "ORCPT",
    "REQUIRETLS",
    "MT-PRIORITY",
    "HOLDFOR",
    "BY",
];

pub(super) const UNTAGGED: &[&str] = &[
    "FETCH",
    "EXISTS",
    "RECENT",
    "EXPUNGE",
    "FLAGS",
    "LIST",
    "LSUB",
    "SEARCH",
    "ESEARCH",
    "STATUS",
    "CAPABILITY",
    "ID",
    "NAMESPACE",
    "QUOTA",
    "QUOTAROOT",
    "ENABLED",
    "VANISHED",
    "SORT",
    "THREAD",
    "ACL",
    "METADATA",
    "XLIST",
    "OK",
    "NO",
    "BAD",
    "BYE",
    "PREAUTH",
];

pub(super) const STATUS: &[&str] = &["OK", "NO", "BAD", "BYE", "PREAUTH"];

/// In brackets behind a status; those of POP3 too.
pub(super) const CODES: &[&str] = &[
    "ALERT",
    "ALREADYEXISTS",
    "APPENDUID",
    "AUTH",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "BADCHARSET",
    "CANNOT",
    "CAPABILITY",
    "CLIENTBUG",
    "CLOSED",
    "CONTACTADMIN",
    "COPYUID",
    "CORRUPTION",
    "EXPIRED",
    "EXPUNGEISSUED",
    "HIGHESTMODSEQ",
    "IN-USE",
    "INUSE",
    "LIMIT",
    "LOGIN-DELAY",
    "NONEXISTENT",
    "NOPERM",
    "OVERQUOTA",
    "PARSE",
    "PERMANENTFLAGS",
    "PRIVACYREQUIRED",
    "READ-ONLY",
    "READ-WRITE",
    "SERVERBUG",
    "SYS/PERM",
    "SYS/TEMP",
    "THROTTLED",
    "TRYCREATE",
    "UIDNEXT",
    "UIDNOTSTICKY",
    "UIDVALIDITY",
    "UNAVAILABLE",
    "UNSEEN",
];

/// What FETCH asks for, STORE changes, and STATUS counts.
pub(super) const ITEMS: &[&str] = &[
    "ALL",
    "FAST",
    "FULL",
    "FLAGS",
    "+FLAGS",
    "-FLAGS",
    "FLAGS.SILENT",
    "+FLAGS.SILENT",
    "-FLAGS.SILENT",
    "UID",
    "INTERNALDATE",
    "RFC822",
    "RFC822.SIZE",
    "RFC822.HEADER",
    "RFC822.TEXT",
    "ENVELOPE",
    "BODY",
    "BODY.PEEK",
    "BODYSTRUCTURE",
    "HEADER",
    "HEADER.FIELDS",
    "TEXT",
    "MIME",
    "MODSEQ",
    "CHANGEDSINCE",
    "PREVIEW",
    "X-GM-MSGID",
    "X-GM-THRID",
    "X-GM-LABELS",
    "MESSAGES",
    "RECENT",
    "UIDNEXT",
    "UIDVALIDITY",
    "UNSEEN",
    "HIGHESTMODSEQ",
    "SIZE",
    "\\SEEN",
    "\\DELETED",
    "\\ANSWERED",
    "\\FLAGGED",
    "\\DRAFT",
];

/// What is shown behind a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// Nothing but how much there is.
    Count,
    /// A mechanism; then the login's exchange follows.
    Mechanism,
    /// The name of a user.
    User,
    /// The name of a machine.
    Machine,
    /// A path with parameters.
    Path,
    /// The name of a mailbox, then known items.
    Mailbox,
    /// Numbers of messages, then known items.
    Numbers,
    /// Numbers of messages, then the name of a mailbox.
    NumbersMailbox,
}

use Shows::{Count, Machine, Mailbox, Mechanism, Numbers, NumbersMailbox, Path, User};

pub(super) type Commands = &'static [(&'static str, Shows)];

pub(super) fn command(table: Commands, word: &[u8]) -> Option<(&'static str, Shows)> {
    table.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word)).copied()
}

pub(super) const SMTP: Commands = &[
    ("EHLO", Machine),
    ("HELO", Machine),
    ("AUTH", Mechanism),
    ("STARTTLS", Count),
    ("MAIL", Path),
    ("RCPT", Path),
    ("DATA", Count),
    ("BDAT", Numbers),
    ("RSET", Count),
    ("NOOP", Count),
    ("QUIT", Count),
    ("VRFY", Count),
    ("EXPN", Count),
    ("HELP", Count),
];

pub(super) const POP3: Commands = &[
    ("USER", User),
    ("PASS", Count),
    ("APOP", Count),
    ("AUTH", Mechanism),
    ("CAPA", Count),
    ("STLS", Count),
    ("STAT", Count),
    ("LIST", Numbers),
    ("UIDL", Numbers),
    ("RETR", Numbers),
    ("DELE", Numbers),
    ("TOP", Numbers),
    ("NOOP", Count),
    ("RSET", Count),
    ("QUIT", Count),
    ("UTF8", Count),
];

pub(super) const IMAP: Commands = &[
    ("CAPABILITY", Count),
    ("NOOP", Count),
    ("LOGOUT", Count),
    ("STARTTLS", Count),
    ("AUTHENTICATE", Mechanism),
    ("LOGIN", Count),
    ("ID", Count),
    ("ENABLE", Count),
    ("SELECT", Mailbox),
    ("EXAMINE", Mailbox),
    ("CREATE", Mailbox),
    ("DELETE", Mailbox),
    ("RENAME", Mailbox),
    ("SUBSCRIBE", Mailbox),
    ("UNSUBSCRIBE", Mailbox),
    ("STATUS", Mailbox),
    ("APPEND", Mailbox),
    ("GETQUOTAROOT", Mailbox),
    ("GETQUOTA", Count),
    ("LIST", Count),
    ("LSUB", Count),
    ("XLIST", Count),
    ("NAMESPACE", Count),
    ("CHECK", Count),
    ("CLOSE", Count),
    ("UNSELECT", Count),
    ("EXPUNGE", Numbers),
    ("SEARCH", Count),
    ("SORT", Count),
    ("THREAD", Count),
    ("FETCH", Numbers),
    ("STORE", Numbers),
    ("COPY", NumbersMailbox),
    ("MOVE", NumbersMailbox),
    ("IDLE", Count),
    ("COMPRESS", Count),
];
