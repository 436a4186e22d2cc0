//! What forms bring.

use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use secrecy::SecretString;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::problem::Problem;

/// What a form brought, with files or without. It may hold secrets: nothing prints it.
#[derive(Default)]
pub(super) struct Typed {
    texts: Vec<(String, Zeroizing<String>)>,
    files: Vec<(String, Zeroizing<Vec<u8>>)>,
}

impl Typed {
    pub(super) fn new(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let texts = texts.into_iter().map(|(name, text)| (name, Zeroizing::new(text)));
        Self { texts: texts.collect(), files: Vec::new() }
    }

    /// Of a form as browsers send those without files, or of a query.
    pub(super) fn of(body: &[u8]) -> Self {
        Self::new(form_urlencoded::parse(body).into_owned())
    }

    /// What was typed, without the blanks around it; empty where nothing was.
    pub(super) fn text(&self, name: &str) -> &str {
        self.exact(name).trim()
    }

    /// The same as it was typed: blanks may belong to a password.
    pub(super) fn exact(&self, name: &str) -> &str {
        self.texts.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text.as_str())
    }

    /// The same as a secret.
    pub(super) fn secret(&self, name: &str) -> SecretString {
        self.exact(name).into()
    }

    /// Every box of that name that was ticked.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.texts.iter().filter(|(known, _)| known == name).map(|(_, text)| text.as_str()).collect()
    }

    /// As if that had been typed; several values for boxes.
    pub(super) fn set(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        self.texts.retain(|(known, _)| known != name);
        self.texts.extend(values.into_iter().map(|value| (name.to_owned(), Zeroizing::new(value))));
    }

    /// A file that is not empty.
    pub(super) fn file(&self, name: &str) -> Option<&[u8]> {
        let found = self.files.iter().find(|(known, _)| known == name);
        found.map(|(_, octets)| octets.as_slice()).filter(|octets| !octets.is_empty())
    }

    async fn parts(mut parts: Multipart) -> Result<Self, MultipartError> {
        let mut typed = Self::default();
        while let Some(part) = parts.next_field().await? {
            let name = part.name().unwrap_or_default().to_owned();
            if part.file_name().is_some() {
                typed.files.push((name, Zeroizing::new(part.bytes().await?.to_vec())));
            } else {
                typed.texts.push((name, Zeroizing::new(part.text().await?)));
            }
        }
        Ok(typed)
    }
}

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
            let body = Bytes::from_request(request, state).await.map_err(|_| odd())?;
            return Ok(Self::of(&body));
        }
        let parts = Multipart::from_request(request, state).await.map_err(|_| odd())?;
        Self::parts(parts).await.map_err(|_| odd())
    }
}

fn odd() -> Problem {
    let next = "Go back to the form, and send it again.";
    Problem::new(StatusCode::BAD_REQUEST, "Not understood", "The form did not come as it should.", next)
}
