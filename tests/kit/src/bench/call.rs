/// Why a bench is run that has no harness. Of tests cargo asks with its own words, and for all of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// By `cargo bench`, or for its help: it reads its own words.
    Bench,
    /// By `cargo test`: in small, to see that it works.
    Rehearsal,
    /// By `cargo test`, for others, or for names only.
    Other,
}

impl Call {
    /// Of this process; `name` is what its rehearsal is called among the tests.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self::by(&std::env::args().skip(1).collect::<Vec<_>>(), name)
    }

    fn by(words: &[String], name: &str) -> Self {
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        if has("--bench") || has("--help") || has("-h") {
            return Self::Bench;
        }
        let meant = is_meant(words, name);
        if meant && has("--list") {
            println!("{name}: test");
        }
        if meant && !has("--list") { Self::Rehearsal } else { Self::Other }
    }
}

/// Whether the test's own name is among the names that libtest is given, which stand between its options.
fn is_meant(words: &[String], name: &str) -> bool {
    let with_value = ["--skip", "--test-threads", "--logfile", "--format", "--color", "-Z", "--shuffle-seed"];
    let mut names = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--ignored" => return false,
            "--skip" if words.next().is_some_and(|skipped| name.contains(skipped)) => return false,
            option if with_value.contains(&option) && option != "--skip" => drop(words.next()),
            option if option.starts_with('-') => {}
            word => names.push(word),
        }
    }
    names.is_empty() || names.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_played_when_all_or_its_name_is_asked_for() {
        let by = |words: &str| Call::by(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), "rehearsal");
        for words in ["", "--show-output", "--test-threads 1", "hears", "--skip other --nocapture"] {
            assert_eq!(by(words), Call::Rehearsal, "{words}");
        }
        for words in ["another", "--ignored", "--skip rehearsal", "--list another", "--list"] {
            assert_eq!(by(words), Call::Other, "{words}");
        }
        assert_eq!([by("--bench sessions"), by("--help")], [Call::Bench; 2]);
    }
}
