use super::refusal::Refusal;

/// As whom an account may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed<'a> {
    pub(super) who: &'a str,
    pub(super) addresses: &'a [String],
}

/// How many allowed addresses a refusal names.
const NAMED: usize = 3;

impl Allowed<'_> {
    /// Case does not matter, that of ASCII: other letters have several that look alike; `*@domain` stands for all of that very domain.
    pub(super) fn permits(self, address: &str) -> bool {
        let domain = address.split_once('@').map(|(_, domain)| domain);
        self.addresses.iter().any(|allowed| match (allowed.strip_prefix("*@"), domain) {
            (Some(all), Some(domain)) => all.eq_ignore_ascii_case(domain),
            _ => allowed.eq_ignore_ascii_case(address),
        })
    }

    /// Says that this one is not allowed, and who is.
    pub(super) fn refuses(self, address: &str) -> Refusal {
        let (who, address) = (cut(self.who), cut(address));
        Refusal::not_allowed(&format!("{who} may not send as {address}; allowed: {}", self.listed()))
    }

    pub(super) fn listed(self) -> String {
        let named: Vec<_> = self.addresses.iter().take(NAMED).map(|address| cut(address)).collect();
        let more = self.addresses.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if named.is_empty() { "nobody".to_owned() } else { named.join(", ") + &more }
    }
}

fn cut(text: &str) -> String {
    const LONGEST: usize = 60;
    let start: String = text.chars().take(LONGEST).collect();
    if start.len() < text.len() { start + "..." } else { start }
}
