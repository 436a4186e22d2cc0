//! What the token endpoint says, in each provider's words.

use serde_json::json;

use crate::dialect::Dialect;
use crate::http::Response;
use crate::jwt::{now, unsigned};
use crate::tokens::Granted;

/// An OAuth error with Microsoft's number for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) code: u32,
    pub(crate) text: &'static str,
}

impl Refusal {
    pub(crate) const fn new(error: &'static str, code: u32, text: &'static str) -> Self {
        Self { status: 400, error, code, text }
    }

    /// Microsoft tells more than Google.
    pub(crate) fn response(&self, dialect: Dialect) -> Response {
        let Self { status, error, code, text } = *self;
        let body = match dialect {
            Dialect::Microsoft => json!({
                "error": error,
                "error_description": format!("AADSTS{code}: {text} Trace ID: 0 Correlation ID: 0 Timestamp: 2026-01-01 00:00:00Z"),
                "error_codes": [code],
                "timestamp": "2026-01-01 00:00:00Z",
                "trace_id": "0",
                "correlation_id": "0",
                "error_uri": format!("https://login.example/error?code={code}"),
            }),
            Dialect::Google => json!({ "error": error, "error_description": text }),
        };
        Response::json(status, &body)
    }
}

/// A positive answer to a client; the scope is the one that was asked for.
pub(crate) fn positive(dialect: Dialect, granted: &Granted, client: &str, scope: &str) -> Response {
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": granted_scope(dialect, scope),
        "expires_in": granted.life.as_secs(),
        "access_token": granted.access,
    });
    if let Some(refresh) = &granted.refresh {
        answer["refresh_token"] = refresh.as_str().into();
    }
    if let Some(mailbox) = &granted.mailbox
        && scope.split(' ').any(|scope| scope == "openid")
    {
        answer["id_token"] = id_token(dialect, client, mailbox).into();
    }
    Response::json(200, &answer)
}

/// Microsoft names another host of the same resource than it was asked for, and keeps quiet about `offline_access`.
fn granted_scope(dialect: Dialect, asked: &str) -> String {
    const HOSTS: [&str; 2] = ["https://outlook.office.com/", "https://outlook.office365.com/"];
    if asked.is_empty() {
        return "mail".to_owned();
    }
    if dialect == Dialect::Google {
        return asked.to_owned();
    }
    let restamped = |scope: &str| match HOSTS.map(|host| scope.strip_prefix(host)) {
        [Some(name), _] => format!("{}{name}", HOSTS[1]),
        [_, Some(name)] => format!("{}{name}", HOSTS[0]),
        _ => scope.to_owned(),
    };
    asked.split(' ').filter(|scope| *scope != "offline_access").map(restamped).collect::<Vec<_>>().join(" ")
}

fn id_token(dialect: Dialect, client: &str, mailbox: &str) -> String {
    let now = now();
    let mut claims = json!({ "aud": client, "iat": now, "exp": now + 3600, "sub": format!("subject of {mailbox}") });
    match dialect {
        Dialect::Microsoft => {
            claims["iss"] = "https://login.example/00000000-0000-0000-0000-000000000000/v2.0".into();
            claims["preferred_username"] = mailbox.into();
        }
        Dialect::Google => {
            claims["iss"] = "https://accounts.google.com".into();
            claims["email"] = mailbox.into();
            claims["email_verified"] = true.into();
        }
    }
    unsigned(&claims)
}
