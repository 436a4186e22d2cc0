use super::super::argument::Argument;
use super::address::is_address;
use super::allowed::Allowed;
use super::{Policy, Refusal};

/// What becomes of a MAIL command.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the client waits for an answer"]
pub enum MailFrom {
    /// It goes on as it is.
    AsReceived,
    /// This line goes on instead, with its CRLF.
    Replaced(Vec<u8>),
    /// The client is told this.
    Refused(Refusal),
}

/// Applies the policy to a MAIL command, a line with its CRLF. The null path of bounces is nobody's and stays; parameters stay.
pub fn mail_from(policy: Policy<'_>, line: &[u8]) -> MailFrom {
    if matches!(policy, Policy::Keep) {
        return MailFrom::AsReceived;
    }
    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
    let Some(mut argument) = Argument::parse(line, "FROM") else {
        return MailFrom::Refused(Refusal::no_address("The sender is no address; write MAIL FROM:<user@example.com>"));
    };
    if argument.path.is_empty() {
        return MailFrom::AsReceived;
    }
    match policy {
        Policy::Keep => MailFrom::AsReceived,
        Policy::Require { who, addresses } => {
            let allowed = Allowed { who, addresses };
            match std::str::from_utf8(argument.path) {
                Ok(path) if is_address(path) && allowed.permits(path) => MailFrom::AsReceived,
                _ => MailFrom::Refused(allowed.refuses(&String::from_utf8_lossy(argument.path))),
            }
        }
        Policy::Rewrite { address, .. } if argument.path.eq_ignore_ascii_case(address.as_bytes()) => {
            MailFrom::AsReceived
        }
        Policy::Rewrite { address, .. } => {
            argument.path = address.as_bytes();
            MailFrom::Replaced(argument.line())
        }
    }
}
