use axum::extract::multipart::MultipartError;
use axum::extract::{Form, FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use zeroize::Zeroizing;

use crate::admin::problem::Problem;

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

    /// What was typed, without the blanks around it; empty where nothing was.
    pub(super) fn text(&self, name: &str) -> &str {
        self.exact(name).trim()
    }

    /// The same as it was typed: blanks may belong to a password.
    pub(super) fn exact(&self, name: &str) -> &str {
        self.texts.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text.as_str())
    }

    /// Every box of that name that was ticked.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.texts.iter().filter(|(known, _)| known == name).map(|(_, text)| text.as_str()).collect()
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
            let Form(texts) = Form::<Vec<(String, String)>>::from_request(request, state).await.map_err(|_| odd())?;
            return Ok(Self::new(texts));
        }
        let parts = Multipart::from_request(request, state).await.map_err(|_| odd())?;
        Self::parts(parts).await.map_err(|_| odd())
    }
}

fn odd() -> Problem {
    let next = "Go back to the form, and send it again.";
    Problem::new(StatusCode::BAD_REQUEST, "Not understood", "The form did not come as it should.", next)
}
