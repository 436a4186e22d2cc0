use super::{Family, Grant};

/// A scope that cannot work, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The scope.
    pub scope: String,
    /// Why it cannot work.
    pub why: &'static str,
    /// What to write instead.
    pub instead: String,
}

/// Scopes that belong to no resource.
const OPENID: [&str; 5] = ["openid", "profile", "email", "offline_access", "offline"];

/// The first scope that cannot work for mail at this kind of provider with this grant. Others find out by trying.
#[must_use]
pub fn object(family: Family, grant: &Grant, scopes: &[String]) -> Option<Objection> {
    match family {
        Family::Microsoft => microsoft(grant, scopes),
        Family::Google => google(grant, scopes),
        Family::Other => None,
    }
}

/// Whether a granted scope is this one: Microsoft writes another resource before the name that was asked for.
#[must_use]
pub fn same_scope(granted: &str, asked: &str) -> bool {
    let name = |scope: &str| scope.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase();
    granted == asked || name(granted) == name(asked)
}

/// Scopes that were asked for and not granted. What belongs to no resource is seldom listed, and `.default` never.
#[must_use]
pub fn not_granted<'a>(asked: &'a [String], granted: &str) -> Vec<&'a str> {
    let has = |asked: &str| granted.split_ascii_whitespace().any(|granted| same_scope(granted, asked));
    let listed = |asked: &&str| !OPENID.contains(asked) && !asked.ends_with("/.default");
    asked.iter().map(String::as_str).filter(listed).filter(|asked| !has(asked)).collect()
}

fn microsoft(grant: &Grant, scopes: &[String]) -> Option<Objection> {
    let app_only = matches!(grant, Grant::ClientCredentials);
    let mut resource: Option<&str> = None;
    for scope in scopes.iter().filter(|scope| !OPENID.contains(&scope.as_str())) {
        let (of, name) = scope.rsplit_once('/').unwrap_or(("", scope));
        if let Some((why, instead)) = microsoft_scope(of, name, app_only) {
            return Some(Objection { scope: scope.clone(), why, instead });
        }
        if resource.is_some_and(|first| first != of) {
            let why = "a token is for one resource, and another scope here names another (AADSTS28000)";
            return Some(Objection { scope: scope.clone(), why, instead: "scopes of one resource only".into() });
        }
        resource = Some(of);
    }
    None
}

fn microsoft_scope(resource: &str, name: &str, app_only: bool) -> Option<(&'static str, String)> {
    let mail = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];
    let known = mail.iter().find(|known| known.eq_ignore_ascii_case(name));
    let office =
        || known.map_or("https://outlook.office.com/…".into(), |known| format!("https://outlook.office.com/{known}"));
    if name.to_ascii_uppercase().starts_with("EWS.") || name.eq_ignore_ascii_case("full_access_as_app") {
        let instead = mail.map(|name| format!("https://outlook.office.com/{name}")).join(" ");
        return Some((
            "Exchange Web Services are being switched off (blocked since October 2026, gone in April 2027), and mail does not need them",
            instead,
        ));
    }
    if app_only && name != ".default" {
        let instead = "https://outlook.office365.com/.default".to_owned();
        return Some(("app-only access takes the application permissions of the app as a whole", instead));
    }
    if let Some(nearest) = misnamed(name, app_only) {
        let resource = if resource.contains("outlook") { resource } else { "https://outlook.office.com" };
        let instead = format!("{resource}/{nearest}");
        return Some(("there is no such scope for people who sign in", instead));
    }
    if resource.contains("graph.microsoft") || resource.contains("microsoftgraph") {
        return Some(("it gives a token for Microsoft Graph, which the mail servers refuse", office()));
    }
    if resource.is_empty() {
        return Some(("without a resource it means Microsoft Graph, whose tokens the mail servers refuse", office()));
    }
    if resource.ends_with("ps.outlook.com") {
        let instead = "https://outlook.office365.com/.default".to_owned();
        return Some(("it belongs into the admin consent address only", instead));
    }
    if !app_only && name == ".default" && resource.contains("office365.com") {
        return Some(("it is for app-only access (client_credentials)", office()));
    }
    None
}

/// What is nearly the name of a mail scope, and what was meant: manuals name that of SMTP like the others, and people copy the
/// permissions of apps (`SMTP.SendAsApp`).
fn misnamed(name: &str, app_only: bool) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let meant = match upper.split('.').next()? {
        "SMTP" => "SMTP.Send",
        "IMAP" | "IMAP4" => "IMAP.AccessAsUser.All",
        "POP" | "POP3" => "POP.AccessAsUser.All",
        _ => return None,
    };
    (!app_only && upper != meant.to_ascii_uppercase()).then_some(meant)
}

const GMAIL: &str = "https://mail.google.com/";

fn google(grant: &Grant, scopes: &[String]) -> Option<Objection> {
    let service = matches!(grant, Grant::ServiceAccount(_));
    let instead = GMAIL.to_owned();
    scopes.iter().find_map(|scope| {
        let why = match scope.as_str() {
            "https://mail.google.com" => "the slash at its end belongs to it",
            "offline_access" | "offline" => "Google does not know it; offline access is asked for anyway",
            "https://www.googleapis.com/auth/gmail.imap_admin" if service => return None,
            "https://www.googleapis.com/auth/gmail.imap_admin" => "it is for service accounts only",
            other if other.contains("/auth/gmail.") => "it is for the Gmail API and does not open IMAP, POP or SMTP",
            _ => return None,
        };
        Some(Objection { scope: scope.clone(), why, instead: instead.clone() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(family: Family, grant: &Grant, scopes: &str) -> Option<Objection> {
        object(family, grant, &scopes.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_works_is_let_through() {
        let code = Grant::AuthorizationCode;
        for (family, grant, scopes) in [
            (
                Family::Microsoft,
                &code,
                "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access openid",
            ),
            (Family::Microsoft, &code, "https://outlook.office365.us/IMAP.AccessAsUser.All offline_access"),
            (Family::Microsoft, &Grant::ClientCredentials, "https://outlook.office365.com/.default"),
            (Family::Microsoft, &Grant::ClientCredentials, "https://partner.outlook.cn/.default"),
            (Family::Google, &code, "https://mail.google.com/ openid email"),
            (Family::Other, &code, "mail EWS.AccessAsUser.All"),
        ] {
            assert_eq!(complaint(family, grant, scopes), None, "{scopes}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_scope_to_write_instead() {
        let code = Grant::AuthorizationCode;
        for (family, grant, scopes, why, instead) in [
            (
                Family::Microsoft,
                &code,
                "https://graph.microsoft.com/IMAP.AccessAsUser.All",
                "Graph",
                "https://outlook.office.com/IMAP.AccessAsUser.All",
            ),
            (Family::Microsoft, &code, "SMTP.Send offline_access", "Graph", "https://outlook.office.com/SMTP.Send"),
            (
                Family::Microsoft,
                &code,
                "https://outlook.office.com/SMTP.Send https://outlook.office365.us/IMAP.AccessAsUser.All",
                "one resource",
                "one resource",
            ),
            (
                Family::Microsoft,
                &code,
                "https://outlook.office.com/SMTP.Send https://outlook.office.com/EWS.AccessAsUser.All",
                "switched off",
                "SMTP.Send",
            ),
            (Family::Microsoft, &code, "https://outlook.office365.com/.default", "app-only", "outlook.office.com"),
            (
                Family::Microsoft,
                &Grant::ClientCredentials,
                "https://outlook.office.com/IMAP.AccessAsUser.All",
                "as a whole",
                ".default",
            ),
            (
                Family::Microsoft,
                &Grant::ClientCredentials,
                "https://ps.outlook.com/.default",
                "admin consent",
                "outlook.office365.com",
            ),
            (Family::Microsoft, &Grant::ClientCredentials, "https://graph.microsoft.com/.default", "Graph", ""),
            (
                Family::Microsoft,
                &code,
                "https://outlook.office.com/SMTP.AccessAsUser.All",
                "no such scope",
                "/SMTP.Send",
            ),
            (Family::Microsoft, &code, "https://outlook.office365.com/SMTP.SendAsApp", "no such scope", "/SMTP.Send"),
            (
                Family::Microsoft,
                &code,
                "https://outlook.office.com/IMAP.AccessAsUser",
                "no such",
                "IMAP.AccessAsUser.All",
            ),
            (Family::Google, &code, "https://mail.google.com", "slash", GMAIL),
            (Family::Google, &code, "https://www.googleapis.com/auth/gmail.readonly", "Gmail API", GMAIL),
            (Family::Google, &code, "https://www.googleapis.com/auth/gmail.imap_admin", "service accounts", GMAIL),
            (Family::Google, &code, "https://mail.google.com/ offline_access", "does not know", GMAIL),
        ] {
            let found = complaint(family, grant, scopes).unwrap_or_else(|| panic!("let through: {scopes}"));
            assert!(found.why.contains(why) && found.instead.contains(instead), "{scopes}: {found:?}");
        }
    }

    #[test]
    fn what_was_not_granted_is_told_by_name() {
        let asked =
            ["https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "openid"];
        let asked = asked.map(str::to_owned);
        let granted = "https://outlook.office365.com/IMAP.AccessAsUser.All";
        assert_eq!(not_granted(&asked, granted), ["https://outlook.office.com/SMTP.Send"]);
        assert!(not_granted(&["https://outlook.office365.com/.default".into()], "").is_empty());
    }

    #[test]
    fn a_scope_with_another_resource_before_it_is_the_same() {
        assert!(same_scope(
            "https://outlook.office365.com/IMAP.AccessAsUser.All",
            "https://outlook.office.com/imap.accessasuser.all"
        ));
        assert!(same_scope("https://mail.google.com/", "https://mail.google.com/"));
        assert!(!same_scope(
            "https://outlook.office.com/SMTP.Send",
            "https://outlook.office.com/IMAP.AccessAsUser.All"
        ));
    }
}
