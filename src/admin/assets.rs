//! What pages need besides themselves. It is compiled in, and its addresses change with its content, so that browsers may
//! keep it for good.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Desk;

/// The names of the files, as pages link them.
#[derive(Debug)]
pub(super) struct Assets {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/app.js");
const ICON: &str = include_str!("assets/icon.svg");

pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: named("style", STYLE, "css"),
    script: named("app", SCRIPT, "js"),
    icon: named("icon", ICON, "svg"),
});

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let assets = &*ASSETS;
    let (kind, content) = match name {
        name if name == assets.style => ("text/css; charset=utf-8", STYLE),
        name if name == assets.script => ("text/javascript; charset=utf-8", SCRIPT),
        name if name == assets.icon => ("image/svg+xml", ICON),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], content).into_response()
}

fn named(name: &str, content: &str, kind: &str) -> String {
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, content.as_bytes()));
    format!("{name}-{}.{kind}", &hash[..12])
}
