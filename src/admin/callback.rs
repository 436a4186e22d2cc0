use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use tracing::{info, warn};

use super::Desk;
use crate::consent::{ConsentError, returned};
use crate::oauth::Returned;

/// `GET /oauth/callback?code=…&state=…`: where a provider sends the browser back to.
pub(super) async fn callback(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    let Some(answer) = query.as_deref().and_then(Returned::query) else {
        return page(
            StatusCode::BAD_REQUEST,
            "Nothing to do",
            "This address takes the answer of a provider's consent page, and this was none.",
            "",
        );
    };
    // In a task of its own: a browser that is closed does not cut a redemption in the middle.
    let redeeming = async move {
        let _busy = desk.busy.enter();
        returned(desk.store.as_ref(), answer, None, |name| (desk.find)(name)).await
    };
    let redeemed = tokio::spawn(redeeming).await;
    match redeemed {
        Ok(Ok(accepted)) => {
            let who = accepted.identity.map(|who| format!(" {who} signed in.")).unwrap_or_default();
            info!(token = accepted.token, "admin.authorized");
            let text = format!("Token \"{}\" is authorized.{who} You can close this page.", accepted.token);
            page(StatusCode::OK, "Done", &text, &accepted.remarks.join("; "))
        }
        Ok(Err(fault)) => {
            let status =
                if matches!(fault, ConsentError::Unknown) { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
            warn!(error = %fault, remedy = fault.remedy(), "admin.authorization_failed");
            page(status, "Not authorized", &fault.to_string(), &fault.remedy())
        }
        Err(_) => page(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Not authorized",
            "Something broke; the log says what.",
            "Try again.",
        ),
    }
}

/// A page that needs nothing from elsewhere and hands nothing on.
fn page(status: StatusCode, title: &str, text: &str, next: &str) -> Response {
    let next =
        if next.is_empty() { String::new() } else { format!("<p><strong>Next step:</strong> {}</p>", escape(next)) };
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Gatepost: {title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}}</style>\
         <main><h1>{title}</h1><p>{}</p>{next}</main></html>",
        escape(text)
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    (status, headers, body).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
