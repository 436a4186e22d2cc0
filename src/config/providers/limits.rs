use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use super::super::reader::Table;
use crate::model::MailboxLimits;

const ALLOWED: RangeInclusive<u64> = 0..=1_000_000;

/// `limits = { … }` laid over those of the preset, key by key. 0 is no limit.
pub(super) fn read(outer: &Table<'_>, base: MailboxLimits) -> MailboxLimits {
    let Some(table) = outer.table("limits") else { return base };
    let read = |key, base| match table.integer(key, &ALLOWED) {
        Some(number) => u32::try_from(number).ok().and_then(NonZeroU32::new),
        None => base,
    };
    let limits = MailboxLimits {
        smtp_sessions: read("smtp_sessions", base.smtp_sessions),
        messages_per_minute: read("messages_per_minute", base.messages_per_minute),
        imap_sessions: read("imap_sessions", base.imap_sessions),
    };
    table.finish();
    limits
}
