use super::{Explanation, Turn};

/// AADSTS numbers that mean the same, and their meaning (learn.microsoft.com, "Microsoft Entra authentication and
/// authorization error codes").
pub(super) type Row = (&'static [u32], Turn, &'static str, &'static str);

const SIGN_IN: &str = "run `gatepost token authorize {token}` and sign in";
const WAIT: &str = "nothing; it is tried again by itself";
const SIGN_IN_LOG: &str =
    "see the sign-in log in the Entra admin centre; exclude the app or the account from the policy";

#[rustfmt::skip]
pub(super) const TABLE: [Row; 91] = [
    (&[16000], Turn::User, "the signed-in user does not exist in this tenant", "sign in with an account of the tenant, or correct `tenant`"),
    (&[28000], Turn::App, "the request names scopes of several resources", "keep only scopes of https://outlook.office.com"),
    (&[28002, 28003], Turn::App, "a scope is wrong or empty", "correct `scopes`"),
    (&[50001], Turn::Admin, "the tenant has no such resource", "does the tenant have Exchange Online, and is `cloud` the right one?"),
    (&[50011, 900_971, 70004], Turn::App, "the redirect URI is not the one that is registered", "copy the redirect URI that `gatepost token authorize {token}` shows into the app registration, exactly"),
    (&[50147, 501_481, 501_491], Turn::User, "the code was issued to another authorization (PKCE)", "run `gatepost token authorize {token}` again, and paste only the address that it led to"),
    (&[500_113], Turn::App, "no redirect URI is registered for the app", "add the platform Mobile and desktop applications with http://localhost to the app registration"),
    (&[500_011], Turn::App, "the tenant does not know the resource of the scopes", "check `tenant`, `cloud` and the spelling of `scopes`; does the tenant have Exchange Online?"),
    (&[50012], Turn::App, "the certificate or assertion was not accepted", "upload the client's certificate to the app registration, and compare its thumbprint"),
    (&[50013, 50048, 50027], Turn::App, "the assertion does not fit", "check the certificate's key and that client_id is the app's"),
    (&[500_133], Turn::App, "the assertion is outside its time", "set this machine's clock (NTP)"),
    (&[50014], Turn::User, "the guest has not accepted the invitation", "accept the invitation, or sign in with an account of the tenant"),
    (&[50020], Turn::User, "the account belongs to another directory", "sign in with an account of the tenant, or correct `tenant`"),
    (&[500_021, 500_022], Turn::Admin, "the company's proxy restricts tenants", "allow this tenant at the proxy"),
    (&[500_208], Turn::User, "the account is personal and the app wants a work account, or the other way round", "set `tenant` to consumers for personal accounts, else to the tenant's id"),
    (&[50033], Turn::Wait, "the sign-in service has a passing fault", WAIT),
    (&[50034], Turn::User, "the tenant does not know this user", "sign in with the primary address, not an alias; check `tenant`"),
    (&[50049], Turn::App, "the cloud is not the one of the tenant", "correct `cloud`"),
    (&[50053], Turn::User, "the account is locked after too many failed sign-ins, or the address is suspicious", "wait, and see the sign-in log in the Entra admin centre"),
    (&[50055, 50144], Turn::User, "the password has expired", "change it in a browser, then run `gatepost token authorize {token}`"),
    (&[50056], Turn::User, "the account has no valid password", "reset it, then run `gatepost token authorize {token}`"),
    (&[50057], Turn::Admin, "the account is disabled", "enable it in the Entra admin centre"),
    (&[50058], Turn::User, "nobody is signed in", SIGN_IN),
    (&[50059, 90019], Turn::App, "the request names no tenant", "set `tenant` to the Directory (tenant) ID"),
    (&[50072, 50079], Turn::User, "the user has to set up multi-factor authentication", SIGN_IN),
    (&[50074, 50078], Turn::User, "multi-factor authentication is due", SIGN_IN),
    (&[50076], Turn::User, "multi-factor authentication is due since a policy or the location changed", "run `gatepost token authorize {token}` and sign in; the password grant cannot do that"),
    (&[50085, 50199], Turn::User, "the provider wants to see the user", SIGN_IN),
    (&[50089], Turn::User, "the sign-in took too long", "run `gatepost token authorize {token}` again"),
    (&[50097], Turn::Admin, "a policy wants a known device", "consent on a managed device, or exclude the app in Conditional Access"),
    (&[50105], Turn::Admin, "the user is not assigned to the enterprise application", "assign the user, or set Assignment required to No"),
    (&[50126], Turn::User, "the user name or password is wrong", "correct them; it is not tried again until then, for that would lock the account"),
    (&[50128], Turn::App, "the user's domain belongs to no tenant", "check `tenant` and the user name"),
    (&[50131, 530_032], Turn::Admin, "a policy of the tenant blocks the sign-in", SIGN_IN_LOG),
    (&[50132, 50133], Turn::User, "the session was revoked, or the password was changed", SIGN_IN),
    (&[50135], Turn::User, "the password has to be changed", "change it in a browser, then run `gatepost token authorize {token}`"),
    (&[50140], Turn::User, "the sign-in was interrupted (Stay signed in?)", "run `gatepost token authorize {token}` again"),
    (&[50158], Turn::User, "a second authentication outside Microsoft is due", SIGN_IN),
    (&[50173], Turn::User, "the grant was revoked: the password was changed or an administrator ended the sessions", SIGN_IN),
    (&[50177], Turn::User, "a guest cannot pass the tenant's check", "sign in with an account of the tenant"),
    (&[50194], Turn::App, "the app is single-tenant and `tenant` is not its tenant", "set `tenant` to the Directory (tenant) ID of the app registration"),
    (&[50196], Turn::App, "the provider was asked for tokens too often", "wait; if another program uses the same app and user, stop one of them"),
    (&[53000, 53001, 135_011], Turn::Admin, "a policy wants a compliant or joined device", SIGN_IN_LOG),
    (&[530_003], Turn::Admin, "a policy wants a managed device", SIGN_IN_LOG),
    (&[53002], Turn::Admin, "a policy allows only approved apps", SIGN_IN_LOG),
    (&[53003], Turn::Admin, "Conditional Access blocks the sign-in, often because of the device code", "use `gatepost token authorize {token} --paste` instead of the device code; else exclude the app or the account from the policy"),
    (&[530_035], Turn::Admin, "security defaults blocked the sign-in", "use an OAuth grant other than password, or change the security defaults"),
    (&[53004, 53010, 53011], Turn::User, "multi-factor authentication cannot be set up from here", "set it up from a trusted place, or ask the tenant's administrator"),
    (&[54005], Turn::User, "the code was used already", "run `gatepost token authorize {token}` again"),
    (&[65001], Turn::Admin, "nobody has consented to the app", "consent with `gatepost token authorize {token}`; where users may not, give the admin consent address that it shows to the tenant's administrator"),
    (&[65002], Turn::App, "the client id belongs to a Microsoft app", "register an app of your own"),
    (&[65004], Turn::User, "consent was declined", "run `gatepost token authorize {token}` and accept"),
    (&[65005, 650_052, 650_054, 650_056, 650_057], Turn::App, "the app registration lacks the permission, or the tenant the service", "add the API permissions, grant admin consent, and check that the tenant has Exchange Online"),
    (&[70000], Turn::User, "the code or refresh token is not valid (any more)", SIGN_IN),
    (&[70001, 7_000_112], Turn::Admin, "the app is disabled or does not exist in the tenant", "enable the enterprise application; check client_id"),
    (&[700_016], Turn::App, "the tenant does not know this client id", "check client_id, `tenant` and `cloud`; was consent given in this tenant?"),
    (&[70002], Turn::App, "the client's credentials are wrong", "check client_id and client_secret"),
    (&[70003], Turn::App, "the app may not use this grant", "set Allow public client flows to Yes, or choose another grant"),
    (&[700_003], Turn::Admin, "the device is not known any more", "register the device again"),
    (&[700_005], Turn::App, "the code was issued for another tenant", "use the same `tenant` for both URLs"),
    (&[70008], Turn::User, "the code or refresh token has expired", SIGN_IN),
    (&[70011], Turn::App, "a scope is wrong", "one resource only, exact spelling, and `.default` never together with others"),
    (&[70012], Turn::Wait, "the service for personal accounts has a fault", WAIT),
    (&[70016], Turn::User, "the code was not entered yet", "enter it at the address shown"),
    (&[70018, 70019], Turn::User, "the device code is wrong or has expired", "run `gatepost token authorize {token}` again"),
    (&[700_022, 700_023], Turn::App, "the scope names several resources or none", "app-only: scopes = [\"https://outlook.office365.com/.default\"]"),
    (&[700_025], Turn::App, "the app is a public client and must not send a secret", "leave client_secret out, or set Allow public client flows to No"),
    (&[700_027], Turn::App, "the signature of the client assertion is wrong", "upload the certificate that belongs to the key; is it expired?"),
    (&[700_030], Turn::App, "the certificate's subject or issuer is not allowed", "check the trusted certificate subjects of the app registration"),
    (&[70043], Turn::User, "the sign-in frequency policy ended the grant", "run `gatepost token authorize {token}`; exclude the app from the policy, or use app-only access"),
    (&[700_082], Turn::User, "the refresh token was unused for 90 days", SIGN_IN),
    (&[700_084], Turn::App, "the redirect URI is registered as a single-page app, whose grants end after a day", "register it as Web or Mobile and desktop, then run `gatepost token authorize {token}`"),
    (&[7_000_215], Turn::App, "the client secret is wrong", "copy the secret's Value, not its Secret ID, of this very app"),
    (&[7_000_218], Turn::App, "the app wants a secret or an assertion", "add client_secret or client_certificate, or set Allow public client flows to Yes"),
    (&[7_000_222], Turn::App, "the client secret has expired", "make a new secret in the app registration and change client_secret"),
    (&[700_229], Turn::App, "this token cannot stand for the app", "use a managed identity's or an app-only token as federated credential"),
    (&[80001, 80002, 80005, 80007, 80012, 80013, 80014], Turn::Admin, "the tenant's own authentication agent failed", "check the pass-through authentication agents (80012: outside logon hours, 80013: clocks differ)"),
    (&[90002], Turn::App, "there is no such tenant", "check `tenant` and `cloud`"),
    (&[90013, 90014, 900_144, 9_002_313], Turn::App, "the request is malformed or lacks a field", "is a setting empty? Otherwise report this as a bug of Gatepost"),
    (&[90006, 90012, 90024, 90033, 50087, 90055], Turn::Wait, "the directory is busy or unavailable", WAIT),
    (&[90036], Turn::Admin, "the directory has a lasting fault", "ask Microsoft's support; it is tried again slowly"),
    (&[901_002], Turn::App, "`resource` was sent to a v2.0 endpoint", "remove it from token_parameters; it is for the v1 endpoint of 21Vianet"),
    (&[90038], Turn::App, "the user belongs to another national cloud", "correct `cloud`"),
    (&[90072], Turn::User, "the account is not in the tenant", "sign in with an account of the tenant, or invite this one"),
    (&[900_023], Turn::App, "`tenant` is neither an id nor a domain that is known", "set `tenant` to the Directory (tenant) ID of the app registration"),
    (&[90008, 650_053], Turn::App, "the app asks for a permission that it was not given", "add the delegated permissions to the app registration, then run `gatepost token authorize {token}`"),
    (&[9_002_331], Turn::App, "the app registration is for personal accounts only", "set `tenant` to consumers, or let the app support accounts of organisations"),
    (&[90093, 90094, 90095, 900_941], Turn::Admin, "an administrator has to consent", "give the admin consent address that `gatepost token authorize {token}` shows to the tenant's administrator"),
    (&[900_382, 900_432], Turn::App, "the app belongs to another cloud", "register an app in the cloud of the tenant"),
    (&[900_561], Turn::App, "the endpoint takes only POST", "a proxy on the way changed the request; go around it"),
    (&[9_001_023, 90124, 90130, 9_002_332], Turn::App, "the grant or the account does not fit this tenant", "set `tenant` to the Directory (tenant) ID; `consumers` is for personal accounts that sign in"),
];

pub(super) fn explanation(number: u32) -> Option<Explanation> {
    let found = TABLE.iter().find(|(numbers, ..)| numbers.contains(&number));
    found.map(|&(_, turn, cause, remedy)| Explanation { turn, cause, remedy })
}

/// Numbers that stand only in a description, as on consent pages and in answers about device codes.
pub(super) fn numbers(description: &str) -> impl Iterator<Item = u32> + '_ {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    description.split("AADSTS").skip(1).filter_map(move |rest| digits(rest).parse().ok())
}
