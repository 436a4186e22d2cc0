/// Whose manners the mail servers have: greetings, capabilities, refusals. Texts are quoted from the provider's servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Exchange Online: refuses a token directly, takes POP3 logins only in two lines, names capabilities only when asked.
    ///
    /// Unlike the real one it also takes OAUTHBEARER.
    #[default]
    Microsoft,
    /// Gmail: refuses a token with a challenge in JSON and says no more until the client has answered it.
    Google,
}
