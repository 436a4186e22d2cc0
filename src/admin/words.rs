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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_sentence_becomes_one() {
        let told = ["it is missing", "Éa.", "élan?", ""].map(sentence);
        assert_eq!(told, ["It is missing.", "Éa.", "Élan?", "."]);
    }
}
