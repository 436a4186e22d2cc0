//! The arguments of MAIL and RCPT.

/// The address between the angle brackets and what follows them. Quoted local parts may hold a `>`.
pub(super) fn parse<'a>(line: &'a str, command: &str) -> Option<(&'a str, &'a str)> {
    let (head, rest) = line.split_at_checked(command.len())?;
    if !head.eq_ignore_ascii_case(command) {
        return None;
    }
    let rest = rest.trim_start().strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.find(|c: char| {
        let ends = c == '>' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((&rest[..end], rest[end + 1..].trim()))
}

/// Largest message, in octets, as EHLO says it.
const SIZE: u64 = 157_286_400;

/// The reply to parameters of MAIL that cannot be had.
pub(super) fn judge(parameters: &str) -> Result<(), &'static str> {
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.to_uppercase().as_str(), value.to_uppercase().as_str()) {
            ("SIZE", size) => match size.parse::<u64>() {
                Ok(size) if size <= SIZE => {}
                Ok(_) => return Err("552 5.3.4 Message size exceeds fixed maximum message size\r\n"),
                Err(_) => return Err("501 5.5.4 Invalid arguments\r\n"),
            },
            ("BODY", "7BIT" | "8BITMIME") | ("SMTPUTF8", "") | ("AUTH" | "RET" | "ENVID", _) => {}
            ("BODY", _) => return Err("501 5.5.4 Invalid arguments\r\n"),
            _ => return Err("555 5.5.4 Unsupported option\r\n"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{judge, parse};

    #[test]
    fn paths_and_parameters() {
        for (line, expected) in [
            ("MAIL FROM:<a@b>", Some(("a@b", ""))),
            ("mail from: <> SIZE=1 BODY=8BITMIME", Some(("", "SIZE=1 BODY=8BITMIME"))),
            (r#"MAIL FROM:<"a>\"b"@c> SMTPUTF8"#, Some((r#""a>\"b"@c"#, "SMTPUTF8"))),
            ("MAIL FROM:a@b", None),
            ("MAIL", None),
        ] {
            assert_eq!(parse(line, "MAIL FROM:"), expected, "{line}");
        }
        assert_eq!(judge("SIZE=10 BODY=8bitmime SMTPUTF8 AUTH=<> RET=HDRS"), Ok(()));
        assert!(judge("SIZE=157286401").unwrap_err().starts_with("552"));
        assert!(judge("SIZE=many").unwrap_err().starts_with("501"));
        assert!(judge("BODY=BINARYMIME").unwrap_err().starts_with("501"));
        assert!(judge("XYZZY").unwrap_err().starts_with("555"));
    }
}
