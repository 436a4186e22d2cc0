use smtp_proto::{EXT_8BIT_MIME, EXT_DSN, EXT_SIZE, EXT_SMTP_UTF8};

use super::Extensions;
use super::argument::Argument;
use crate::proto::Output;

/// Judges the parameters of MAIL: what the upstream has not is refused before it is asked (RFC 5321, 4.1.1.11), what it
/// must not hear is replaced. `limit` is the largest message that both sides take, in octets.
pub(super) fn mail(argument: &mut Argument, upstream: &Extensions, limit: u64) -> Result<(), Output> {
    fit(argument, |keyword, value| match keyword {
        b"SIZE" if size(value)? > limit => {
            Err(format!("552 5.3.4 Message too large; the limit is {limit} octets\r\n").into())
        }
        // Ours to offer, for we keep to the limit ourselves; an upstream that does not know it would refuse the command.
        b"SIZE" if upstream.flags & EXT_SIZE == 0 => Ok(Fit::Dropped),
        b"BODY" => body(value, upstream),
        b"SMTPUTF8" if upstream.flags & EXT_SMTP_UTF8 == 0 => {
            Err("550 5.6.7 The mail provider does not take internationalized addresses (SMTPUTF8)\r\n".into())
        }
        b"RET" | b"ENVID" => dsn(upstream),
        b"AUTH" => auth(value),
        _ => Ok(Fit::AsIs),
    })
}

/// Judges the parameters of RCPT.
pub(super) fn rcpt(argument: &mut Argument, upstream: &Extensions) -> Result<(), Output> {
    fit(argument, |keyword, _| match keyword {
        b"NOTIFY" | b"ORCPT" => dsn(upstream),
        _ => Ok(Fit::AsIs),
    })
}

/// What becomes of a parameter on its way upstream.
enum Fit {
    AsIs,
    Dropped,
    Replaced(&'static [u8]),
}

fn fit(argument: &mut Argument, judge: impl Fn(&[u8], Option<&[u8]>) -> Result<Fit, Output>) -> Result<(), Output> {
    let mut kept = Vec::with_capacity(argument.parameters.len());
    for parameter in &argument.parameters {
        let mut halves = parameter.splitn(2, |&octet| octet == b'=');
        let keyword = halves.next().unwrap_or_default().to_ascii_uppercase();
        match judge(&keyword, halves.next())? {
            Fit::AsIs => kept.push(*parameter),
            Fit::Dropped => {}
            Fit::Replaced(by) => kept.push(by),
        }
    }
    argument.parameters = kept;
    Ok(())
}

/// RFC 1870, 3: one to twenty digits. A number that is no `u64` is larger than any limit.
fn size(value: Option<&[u8]>) -> Result<u64, Output> {
    let digits = value.filter(|digits| (1..=20).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit));
    let digits = digits.ok_or("501 5.5.4 SIZE is not a number of octets\r\n")?;
    Ok(std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX))
}

/// RFC 6152. BINARYMIME would need BDAT.
fn body(value: Option<&[u8]>, upstream: &Extensions) -> Result<Fit, Output> {
    let eight_bit = upstream.flags & EXT_8BIT_MIME != 0;
    match value.unwrap_or_default().to_ascii_uppercase().as_slice() {
        b"7BIT" | b"8BITMIME" if eight_bit => Ok(Fit::AsIs),
        b"7BIT" => Ok(Fit::Dropped),
        b"8BITMIME" => Err("554 5.6.3 The mail provider takes 7-bit messages only (no 8BITMIME)\r\n".into()),
        b"BINARYMIME" => Err("554 5.6.3 BINARYMIME is not offered; use BODY=8BITMIME\r\n".into()),
        _ => Err("501 5.5.4 BODY is 7BIT or 8BITMIME\r\n".into()),
    }
}

fn dsn(upstream: &Extensions) -> Result<Fit, Output> {
    if upstream.flags & EXT_DSN != 0 {
        return Ok(Fit::AsIs);
    }
    Err("555 5.5.4 The mail provider does not take delivery status requests (DSN: RET, ENVID, NOTIFY, ORCPT)\r\n"
        .into())
}

/// RFC 4954, 5: a client that is not trusted to vouch for others has its word replaced by "nobody knows".
fn auth(value: Option<&[u8]>) -> Result<Fit, Output> {
    match value {
        Some(value) if is_xtext(value) => Ok(Fit::Replaced(b"AUTH=<>")),
        _ => Err("501 5.5.4 AUTH is not xtext\r\n".into()),
    }
}

/// RFC 3461, 4.
fn is_xtext(mut text: &[u8]) -> bool {
    if text.is_empty() {
        return false;
    }
    loop {
        match text {
            [] => return true,
            [b'+', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => text = rest,
            [b'+' | b'=', ..] => return false,
            [octet, rest @ ..] if octet.is_ascii_graphic() => text = rest,
            _ => return false,
        }
    }
}
