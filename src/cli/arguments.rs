use crate::config::ConfigError;

/// A mistake in what a command was given, by the name of the argument instead of the key: `[keys]` are those that differ by more
/// than dashes.
pub(super) fn told(error: &ConfigError, keys: &[(&str, &str)]) -> String {
    let key = key(&error.key);
    let named = keys.iter().find(|(known, _)| Some(*known) == key).map(|(_, argument)| (*argument).to_owned());
    let argument = named.or_else(|| Some(format!("--{}", key?.replace('_', "-")))).unwrap_or_else(|| "NAME".into());
    let note =
        |label: &str, note: &Option<String>| note.as_ref().map(|note| format!("; {label}{note}")).unwrap_or_default();
    let text = format!("{argument}: {}{}{}", error.problem, note("allowed: ", &error.allowed), note("", &error.hint));
    // A hint to a setting that is a flag here.
    text.replace("allow_password_grant = true", "--allow-password-grant")
}

/// The last part of `tokens.NAME.key`; a name in quotes may hold dots.
fn key(path: &str) -> Option<&str> {
    let (_, named) = path.split_once('.')?;
    let key = match named.rsplit_once('"') {
        Some((_, after)) => after.strip_prefix('.')?,
        None => named.split_once('.')?.1,
    };
    // One of several, each with keys of its own.
    let key = key.split_once("].").map_or(key, |(_, key)| key);
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_behind_any_name() {
        for (path, found) in [
            ("tokens.support.grant", Some("grant")),
            ("tokens.support", None),
            ("accounts.\"a.b@example.com\".token", Some("token")),
            ("accounts.\"a.b@example.com\"", None),
            ("accounts.office.passwords[0].networks", Some("networks")),
            ("", None),
        ] {
            assert_eq!(key(path), found, "{path}");
        }
    }
}
