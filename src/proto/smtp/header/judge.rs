use super::address::{self, Mailbox, Unclear};
use super::allowed::Allowed;
use super::encoded::revealed;
use super::fields::{Field, Fields};
use super::opinion::opinion;
use super::refusal::Refusal;

/// Whether a header says nothing but allowed senders, in whatever way it is read. Tells whether it carries a DKIM signature.
pub(super) fn judge(header: &[u8], allowed: Allowed<'_>) -> Result<bool, Refusal> {
    let lines = Lines::of(header)?;
    let from = lines
        .from
        .ok_or_else(|| Refusal::not_allowed(&format!("The message has no From line; allowed: {}", allowed.listed())))?;
    let from = senders("From", from, allowed)?;
    let sender = lines.sender.map(|field| senders("Sender", field, allowed)).transpose()?.unwrap_or_default();
    if sender.len() > 1 {
        return Err(Refusal::not_allowed("The Sender line names more than one address; it may name one"));
    }
    let second = opinion(header);
    let agrees = |ours: &[Mailbox<'_>], theirs: &[String]| ours.iter().map(|mailbox| mailbox.address).eq(theirs);
    if second.from_lines != 1 || !agrees(&from, &second.from) || !agrees(&sender, &second.sender) {
        return Err(unclear("From", &"can be read in more than one way"));
    }
    Ok(lines.signed)
}

/// The lines that say who sent a message.
struct Lines<'h> {
    from: Option<Field<'h>>,
    sender: Option<Field<'h>>,
    signed: bool,
}

impl<'h> Lines<'h> {
    fn of(header: &'h [u8]) -> Result<Self, Refusal> {
        let mut lines = Self { from: None, sender: None, signed: false };
        for field in Fields::new(header) {
            let field = field.map_err(Refusal::malformed)?;
            lines.signed |= field.is("DKIM-Signature");
            for (name, place) in [("From", &mut lines.from), ("Sender", &mut lines.sender)] {
                if field.is(name) && place.replace(field).is_some() {
                    let text = format!("The message has more than one {name} line; it may have one");
                    return Err(Refusal::not_allowed(&text));
                }
            }
        }
        Ok(lines)
    }
}

fn senders<'h>(line: &str, field: Field<'h>, allowed: Allowed<'_>) -> Result<Vec<Mailbox<'h>>, Refusal> {
    let mailboxes = address::mailboxes(field.value).map_err(|why: Unclear| unclear(line, &why))?;
    for Mailbox { name, address, comment } in &mailboxes {
        if !allowed.permits(address) {
            return Err(allowed.refuses(address));
        }
        for text in [name, comment] {
            let clear = revealed(text).map_err(|_| unclear(line, &"hides something in an encoded name"))?;
            if let Some(other) = addresses_within(&clear).find(|other| !allowed.permits(other)) {
                return Err(allowed.refuses(other));
            }
        }
    }
    Ok(mailboxes)
}

/// What a hasty reader may take for an address in a name.
fn addresses_within(name: &str) -> impl Iterator<Item = &str> {
    let bounds = |c: char| c.is_ascii_whitespace() || "<>()[]\"\\,;:".contains(c);
    // Some programs put a name into apostrophes; some addresses hold one.
    name.split(bounds).map(|word| word.trim_matches('\'')).filter(|word| word.contains('@'))
}

fn unclear(line: &str, why: &dyn std::fmt::Display) -> Refusal {
    Refusal::not_allowed(&format!("The {line} line {why}; write it as {line}: Name <user@example.com>"))
}
