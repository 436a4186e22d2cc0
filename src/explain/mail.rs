use super::{Explanation, Turn};

/// What stands in a reply, and its meaning. The first that fits counts, so the narrower comes first.
pub(super) type Row = (&'static str, Turn, &'static str, &'static str);

/// The user, the token, or what connects the two.
const IDENTITY: &str = "Exchange does not accept this user with this token";

/// Exchange Online, Gmail and other servers as seen in the field.
#[rustfmt::skip]
pub(super) const TABLE: [Row; 37] = [
    ("bare LF in the message", Turn::App, "the program ends lines in a bare LF, which its listener does not take", "set newline = \"lenient\" on that listener, unless the program can be mended"),
    ("SmtpClientAuthentication is disabled for the Tenant", Turn::Admin, "SMTP AUTH is switched off for the tenant", "Set-CASMailbox MAILBOX -SmtpClientAuthenticationDisabled $false (the mailbox's own setting wins; it takes up to an hour)"),
    ("SmtpClientAuthentication is disabled for the Mailbox", Turn::Admin, "SMTP AUTH is switched off for the mailbox", "Set-CASMailbox MAILBOX -SmtpClientAuthenticationDisabled $false; new personal Outlook.com mailboxes have no such switch and cannot submit by SMTP"),
    ("did not meet the criteria to be authenticated", Turn::Admin, "Conditional Access or security defaults refuse the login", "look at the mailbox's sign-in log in the Entra admin centre"),
    ("user credentials were incorrect", Turn::App, "the server took the login for a password", "use an OAuth grant for this provider, not app_password"),
    ("asic authentication is disabled", Turn::App, "the provider takes no passwords any more", "use an OAuth grant for this provider, not app_password"),
    ("Basic authentication is not supported", Turn::App, "the provider takes no passwords any more", "use an OAuth grant for this provider, not app_password"),
    ("5.7.3 Authentication unsuccessful", Turn::App, IDENTITY, "app-only: was New-ServicePrincipal given the object id of the ENTERPRISE application, and the mailbox FullAccess to it (up to two hours)? Delegated: is `mailbox` the primary address, and do the scopes name outlook.office.com?"),
    ("5.7.57", Turn::App, "the server wants a login first", "report this as a bug of Gatepost"),
    ("5.7.60", Turn::Admin, "the mailbox may not send as this sender", "give it SendAs: Add-RecipientPermission SENDER -Trustee MAILBOX -AccessRights SendAs; or send as the mailbox itself"),
    ("SendAsDenied", Turn::Admin, "the mailbox may not send as this sender", "give it SendAs: Add-RecipientPermission SENDER -Trustee MAILBOX -AccessRights SendAs; or send as the mailbox itself"),
    ("SubmissionQuotaExceeded", Turn::Wait, "the mailbox has sent to its 10,000 recipients of the day", "wait up to 24 hours, or spread the mail over several mailboxes"),
    ("QuotaExceededException", Turn::User, "the mailbox is full", "empty Sent Items and Deleted Items, or raise the quota"),
    ("mailbox logon failure", Turn::Admin, "the app has no permission on the mailbox, or it is not known everywhere yet", "wait two hours; then Add-MailboxPermission MAILBOX -User SERVICE_PRINCIPAL -AccessRights FullAccess"),
    ("sender thread limit exceeded", Turn::Wait, "more than three submissions of the mailbox at the same time", "let the programs send one after another"),
    ("Concurrent connections limit exceeded", Turn::Wait, "more than three submissions of the mailbox at the same time", "let the programs send one after another"),
    ("submission rate for this client", Turn::Wait, "more than 30 messages a minute", "slow the sending program down, or spread the mail over several mailboxes"),
    ("4.7.500", Turn::Wait, "Exchange throttles this address or tenant", "wait; slow the sending program down"),
    ("5.7.705", Turn::Admin, "the tenant is blocked for sending spam", "see Restricted entities in the Microsoft Defender portal"),
    ("5.7.708", Turn::Admin, "the tenant's address range may not send", "ask Microsoft's support"),
    ("5.1.8", Turn::Admin, "the sender is blocked for sending spam", "see Restricted entities in the Microsoft Defender portal"),
    ("User is authenticated but not connected", Turn::Admin, "the token is good, but this user has no mailbox here that the protocol may open", "is IMAP or POP switched on (Set-CASMailbox MAILBOX -ImapEnabled $true -PopEnabled $true), is `mailbox` the primary address, and has the app or delegate FullAccess? Personal accounts: switch IMAP on in Outlook.com's settings, and try again later"),
    ("Session invalidated", Turn::Wait, "Exchange no longer takes the session's token", "the next login gets a fresh one; when it comes back, look at the mailbox's sign-in log in the Entra admin centre"),
    ("Request is throttled", Turn::Wait, "Exchange throttles the mailbox", "wait; let fewer programs poll it"),
    ("Server Unavailable", Turn::Wait, "Exchange has a fault", "wait; it is tried again by itself"),
    ("BYE Connection", Turn::Wait, "Exchange closed the session right after the login", "wait; when it comes back, let fewer programs open the mailbox at the same time"),
    ("AUTHENTICATE failed", Turn::App, IDENTITY, "app-only: was New-ServicePrincipal given the object id of the ENTERPRISE application, and the mailbox FullAccess to it (up to two hours)? Delegated: is `mailbox` the primary address, is IMAP on, and do the scopes name outlook.office.com?"),
    ("Authentication failure: unknown user name or bad password", Turn::App, IDENTITY, "app-only: was New-ServicePrincipal given the object id of the ENTERPRISE application, and the mailbox FullAccess to it (up to two hours)? Delegated: is `mailbox` the primary address, is POP on, and do the scopes name outlook.office.com?"),
    ("Application-specific password required", Turn::App, "the server took the login for a password", "use an OAuth grant, or make an app password for the account"),
    ("Too many simultaneous connections", Turn::Wait, "Gmail's 15 IMAP connections of the mailbox are in use", "let fewer programs keep connections open"),
    ("bandwidth limits", Turn::Wait, "the mailbox has read or written all that Gmail allows in a day", "wait up to 24 hours; let fewer programs read whole messages"),
    ("System Error", Turn::Wait, "Gmail has a fault", "wait; it is tried again by itself"),
    ("Daily user sending limit exceeded", Turn::Wait, "the mailbox has sent its messages of the day", "wait up to 24 hours"),
    ("5.7.8 Username and Password not accepted", Turn::App, "Gmail does not accept this user with this token", "is `mailbox` the account that consented, and was https://mail.google.com/ among the scopes? Service accounts: is the mailbox in the delegated domain?"),
    ("[AUTHENTICATIONFAILED] Invalid credentials", Turn::App, "Gmail does not accept this user with this token", "is `mailbox` the account that consented, and was https://mail.google.com/ among the scopes?"),
    ("[AUTH] Invalid credentials", Turn::App, "Gmail does not accept this user with this token", "is `mailbox` the account that consented, and is POP switched on in Gmail's settings?"),
    ("Incorrect username, password or access token", Turn::App, "the server does not accept this user with this token", "check `mailbox` and `scopes`, then `gatepost token authorize {token}`"),
];

/// The explanation of what a mail server said.
#[must_use]
pub fn mail_refusal(said: &str) -> Option<Explanation> {
    let found = TABLE.iter().find(|(text, ..)| said.contains(text));
    found.map(|&(_, turn, cause, remedy)| Explanation { turn, cause, remedy })
}

/// Whether Exchange did not say what it has against the user or the token: whose turn it is depends on the grant.
#[must_use]
pub fn is_exchange_identity(known: &Explanation) -> bool {
    known.cause == IDENTITY
}
