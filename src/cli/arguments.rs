use crate::registry::Fault;

/// A mistake in what a command was given, by the name of the argument instead of the key: `[keys]` are those that differ by more
/// than dashes.
pub(super) fn told(Fault { key, text }: &Fault, keys: &[(&str, &str)]) -> String {
    // One of several, each with keys of its own.
    let key = key.split_once("].").map_or(key.as_str(), |(_, key)| key);
    let named = keys.iter().find(|(known, _)| *known == key).map(|(_, argument)| (*argument).to_owned());
    let argument = named.unwrap_or_else(|| match key {
        "name" => "NAME".into(),
        key => format!("--{}", key.replace('_', "-")),
    });
    // A hint to a setting that is a flag here.
    format!("{argument}: {text}").replace("allow_password_grant = true", "--allow-password-grant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_by_its_argument() {
        for (key, argument) in [
            ("name", "NAME"),
            ("client_id", "--client-id"),
            ("networks", "--network"),
            ("passwords[1].networks", "--network"),
        ] {
            let fault = Fault { key: key.into(), text: "no".into() };
            assert_eq!(told(&fault, &[("networks", "--network")]), format!("{argument}: no"));
        }
    }
}
