use super::Kind;

/// What may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    /// The state of one token.
    Token(&'a str),
    /// The states of all tokens.
    Tokens,
    /// The records of a kind.
    Records(Kind),
    /// What replicas wait for of the limits of all, or have given back.
    Shares,
    /// Anything.
    Any,
}
