//! What others say in half sentences, as pages say it.

/// With a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// With a capital letter and an end.
pub(super) fn sentence(text: &str) -> String {
    let text = capital(text);
    if text.ends_with(['.', '?', '!', '…']) { text } else { format!("{text}.") }
}

/// So many reasons are told at once.
const MOST: usize = 50;

/// Reasons, as many as a page tells.
pub(super) fn few<'a>(mut all: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut few: Vec<_> = all.by_ref().take(MOST).cloned().collect();
    let more = all.count();
    few.extend((more > 0).then(|| format!("and {more} more, which are told when these are mended")));
    few
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_sentence_becomes_one() {
        let told = ["it is missing", "Éa.", "élan?", ""].map(sentence);
        assert_eq!(told, ["It is missing.", "Éa.", "Élan?", "."]);
    }

    #[test]
    fn many_reasons_are_told_by_and_by() {
        let all: Vec<_> = (0..MOST + 2).map(|number| number.to_string()).collect();
        assert_eq!(few(all.iter().take(MOST)), all[..MOST]);
        let told = few(all.iter());
        assert_eq!((told.len(), told[MOST].starts_with("and 2 more")), (MOST + 1, true));
    }
}
