use std::fmt::Write as _;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::activity::readable;
use crate::health::Check;

/// 200 where all of them pass, else 503 with the reasons.
pub(super) fn answer(checks: &[Check], as_json: bool) -> Response {
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if as_json {
        return (status, Json(json!({ "ready": ready, "checks": checks }))).into_response();
    }
    (status, text(ready, checks)).into_response()
}

/// The answer first, then a line for each check, and one for each reason.
fn text(ready: bool, checks: &[Check]) -> String {
    let mut text = String::from(if ready { "ready\n" } else { "not ready\n" });
    for Check { name, ok, reasons } in checks {
        let _ = writeln!(text, "{} {name}", if *ok { "ok  " } else { "FAIL" });
        for reason in reasons {
            let account = reason.account.as_ref().map(|account| format!("account {account:?}: ")).unwrap_or_default();
            let remedy = if reason.remedy.is_empty() { String::new() } else { format!("; {}", reason.remedy) };
            let line = format!("{account}{}{remedy}", reason.reason);
            let _ = writeln!(text, "     {}", readable(&Value::String(line)));
        }
    }
    text
}
