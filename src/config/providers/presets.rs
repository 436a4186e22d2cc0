//! The providers that Gatepost knows, as data. Sources stand beside each; every field can be overridden.

use std::num::NonZeroU32;

use super::{Kind, Provider, Scopes};
use crate::model::{Endpoint, Endpoints, Family, Loopback, MailboxLimits, Manners, SaslMechanism, UpstreamTls};

/// All presets; `cloud = "…"` of a Microsoft token picks one of the `microsoft-…`.
pub(super) fn all() -> Vec<Provider> {
    let clouds = CLOUDS.iter().map(microsoft);
    clouds.chain([outlook(), google(), yahoo(), fastmail()]).collect()
}

/// The clouds of a Microsoft token, and their presets.
pub(in crate::config) const CLOUD_PRESETS: [(&str, &str); 4] =
    [("global", "microsoft"), ("usgov", "microsoft-usgov"), ("dod", "microsoft-dod"), ("china", "microsoft-china")];

/// A cloud of Microsoft: learn.microsoft.com, "National clouds", and "Authenticate an IMAP, POP or SMTP connection using
/// OAuth". Where sources disagree (`dod`, the scope resource of GCC High) this is the default, and `scopes` overrides it.
struct Cloud {
    preset: &'static str,
    login: &'static str,
    mail: &'static str,
    smtp: &'static str,
    /// The resource of delegated scopes.
    delegated: &'static str,
    /// The resource of app-only access.
    app_only: &'static str,
    federation: &'static str,
}

const CLOUDS: [Cloud; 4] = [
    Cloud {
        preset: "microsoft",
        login: "https://login.microsoftonline.com",
        mail: "outlook.office365.com",
        smtp: "smtp.office365.com",
        delegated: "https://outlook.office.com",
        app_only: "https://outlook.office365.com",
        federation: "api://AzureADTokenExchange",
    },
    Cloud {
        preset: "microsoft-usgov",
        login: "https://login.microsoftonline.us",
        mail: "outlook.office365.us",
        smtp: "smtp.office365.us",
        delegated: "https://outlook.office365.us",
        app_only: "https://outlook.office365.us",
        federation: "api://AzureADTokenExchangeUSGov",
    },
    Cloud {
        preset: "microsoft-dod",
        login: "https://login.microsoftonline.us",
        mail: "outlook-dod.office365.us",
        smtp: "outlook-dod.office365.us",
        delegated: "https://outlook-dod.office365.us",
        app_only: "https://outlook-dod.office365.us",
        federation: "api://AzureADTokenExchangeUSGov",
    },
    Cloud {
        preset: "microsoft-china",
        login: "https://login.partner.microsoftonline.cn",
        mail: "partner.outlook.cn",
        smtp: "smtp.partner.outlook.cn",
        delegated: "https://partner.outlook.cn",
        app_only: "https://partner.outlook.cn",
        federation: "api://AzureADTokenExchangeChina",
    },
];

const MICROSOFT: Kind = Kind {
    authorization: "/{tenant}/oauth2/v2.0/authorize",
    token: "/{tenant}/oauth2/v2.0/token",
    device: "/{tenant}/oauth2/v2.0/devicecode",
};

fn microsoft(cloud: &Cloud) -> Provider {
    let scope = |name: &str| vec![format!("{}/{name}", cloud.delegated)];
    Provider {
        name: cloud.preset.into(),
        family: Family::Microsoft,
        kind: Some(MICROSOFT),
        authorization_url: Some(format!("{}{}", cloud.login, MICROSOFT.authorization)),
        token_url: Some(format!("{}{}", cloud.login, MICROSOFT.token)),
        device_url: Some(format!("{}{}", cloud.login, MICROSOFT.device)),
        admin_consent_url: Some(format!("{}/{{tenant}}/v2.0/adminconsent", cloud.login)),
        scopes: Scopes {
            smtp: scope("SMTP.Send"),
            imap: scope("IMAP.AccessAsUser.All"),
            pop3: scope("POP.AccessAsUser.All"),
            always: vec!["offline_access".into()],
        },
        app_scopes: Some(vec![format!("{}/.default", cloud.app_only)]),
        endpoints: Endpoints {
            // There is no implicit TLS for SMTP.
            smtp: endpoint(cloud.smtp, 587, UpstreamTls::Starttls),
            imap: endpoint(cloud.mail, 993, UpstreamTls::Implicit),
            pop3: endpoint(cloud.mail, 995, UpstreamTls::Implicit),
        },
        manners: Manners {
            authorization_parameters: vec![("response_mode".into(), "query".into())],
            identity_scopes: texts(&["openid", "profile", "email"]),
            loopback: Loopback::Name,
            refresh_idle_days: Some(90),
            federation_audience: Some(cloud.federation.into()),
            ..Manners::default()
        },
        // learn.microsoft.com, "Exchange Online limits" (SMTP); the number of IMAP sessions is not documented.
        limits: MailboxLimits {
            smtp_sessions: NonZeroU32::new(3),
            messages_per_minute: NonZeroU32::new(30),
            imap_sessions: NonZeroU32::new(20),
        },
        ..Provider::default()
    }
}

/// Personal accounts: outlook.com, hotmail.com, live.com. Their tenant is always `consumers`.
fn outlook() -> Provider {
    let mut provider = microsoft(&CLOUDS[0]);
    provider.name = "outlook.com".into();
    provider.tenant = Some("consumers".into());
    provider.app_scopes = None;
    provider.personal = true;
    provider.endpoints.smtp = endpoint("smtp-mail.outlook.com", 587, UpstreamTls::Starttls);
    provider
}

/// developers.google.com: "Using OAuth 2.0 for web server applications", "OAuth 2.0 mechanism" of Gmail. One scope for all
/// three protocols, no narrower one works.
fn google() -> Provider {
    Provider {
        name: "google".into(),
        family: Family::Google,
        kind: Some(Kind { authorization: "/o/oauth2/v2/auth", token: "/token", device: "/device/code" }),
        authorization_url: Some("https://accounts.google.com/o/oauth2/v2/auth".into()),
        token_url: Some("https://oauth2.googleapis.com/token".into()),
        scopes: Scopes { always: texts(&["https://mail.google.com/"]), ..Scopes::default() },
        endpoints: Endpoints {
            smtp: endpoint("smtp.gmail.com", 465, UpstreamTls::Implicit),
            imap: endpoint("imap.gmail.com", 993, UpstreamTls::Implicit),
            pop3: endpoint("pop.gmail.com", 995, UpstreamTls::Implicit),
        },
        manners: Manners {
            // Without both there is no refresh token when the same account consents again.
            authorization_parameters: pairs(&[("access_type", "offline"), ("prompt", "consent")]),
            identity_scopes: texts(&["openid", "email"]),
            refresh_idle_days: Some(180),
            ..Manners::default()
        },
        // support.google.com, "Set up Gmail with a third-party email client".
        limits: MailboxLimits { imap_sessions: NonZeroU32::new(15), ..MailboxLimits::default() },
        ..Provider::default()
    }
}

/// As Thunderbird has it. Redirects must be https, and new clients are registered on request only.
fn yahoo() -> Provider {
    Provider {
        name: "yahoo".into(),
        authorization_url: Some("https://api.login.yahoo.com/oauth2/request_auth".into()),
        token_url: Some("https://api.login.yahoo.com/oauth2/get_token".into()),
        scopes: Scopes { always: texts(&["mail-w"]), ..Scopes::default() },
        endpoints: Endpoints {
            smtp: endpoint("smtp.mail.yahoo.com", 465, UpstreamTls::Implicit),
            imap: endpoint("imap.mail.yahoo.com", 993, UpstreamTls::Implicit),
            pop3: endpoint("pop.mail.yahoo.com", 995, UpstreamTls::Implicit),
        },
        ..Provider::default()
    }
}

/// As Thunderbird has it: a public client.
fn fastmail() -> Provider {
    Provider {
        name: "fastmail".into(),
        authorization_url: Some("https://api.fastmail.com/oauth/authorize".into()),
        token_url: Some("https://api.fastmail.com/oauth/refresh".into()),
        scopes: Scopes {
            smtp: texts(&["https://www.fastmail.com/dev/protocol-smtp"]),
            imap: texts(&["https://www.fastmail.com/dev/protocol-imap"]),
            pop3: texts(&["https://www.fastmail.com/dev/protocol-pop"]),
            always: Vec::new(),
        },
        sasl: SaslMechanism::Oauthbearer,
        endpoints: Endpoints {
            smtp: endpoint("smtp.fastmail.com", 465, UpstreamTls::Implicit),
            imap: endpoint("imap.fastmail.com", 993, UpstreamTls::Implicit),
            pop3: endpoint("pop.fastmail.com", 995, UpstreamTls::Implicit),
        },
        ..Provider::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what the fields hold")]
fn endpoint(host: &str, port: u16, tls: UpstreamTls) -> Option<Endpoint> {
    Some(Endpoint { host: host.to_owned(), port, tls })
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
