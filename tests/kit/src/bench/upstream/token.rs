//! As much of HTTP/1.1 as clients of a token endpoint say.

use std::io;

use serde_json::json;

use super::TOKEN;
use crate::bench::talk::Talk;

pub(super) async fn serve(mut talk: Talk) -> io::Result<()> {
    let issued = json!({
        "access_token": TOKEN, "token_type": "Bearer", "expires_in": 86_400, "scope": "mail",
        "refresh_token": "bench-refresh-token",
    })
    .to_string();
    let length = issued.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{issued}");
    loop {
        let mut body = 0;
        loop {
            let line = talk.line().await?.to_ascii_lowercase();
            if let Some(length) = line.strip_prefix("content-length:") {
                body = length.trim().parse().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        talk.skip(body).await?;
        talk.say(&answer).await?;
    }
}
