use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The fields of a form, encoded; wiped when dropped.
#[derive(Default)]
pub(super) struct Form {
    pub(super) body: Zeroizing<String>,
    pub(super) authorization: Option<HeaderValue>,
}

impl Form {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let separator = if self.body.is_empty() { "" } else { "&" };
        let longer = [self.body.as_str(), separator, &encoded(name), "=", &encoded(value)].concat();
        self.body = Zeroizing::new(longer);
        self
    }

    pub(super) fn secret(self, name: &str, value: &SecretString) -> Self {
        self.with(name, value.expose_secret())
    }

    /// The client's secret beside the form (RFC 6749, 2.3.1).
    pub(super) fn basic(self, client: &str, secret: &SecretString) -> Self {
        let pair = Zeroizing::new([encoded(client).as_str(), ":", &encoded(secret.expose_secret())].concat());
        let header = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let authorization = HeaderValue::from_str(&header).ok().map(|mut header| {
            header.set_sensitive(true);
            header
        });
        Self { authorization, ..self }
    }
}

fn encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(url::form_urlencoded::byte_serialize(text.as_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client id and the secret are form-encoded before they are joined: either may hold a colon.
    #[test]
    fn a_secret_goes_by_basic_as_the_rfc_says() {
        let form = Form::new().basic("a:b", &"c d+".into());
        let header = form.authorization.unwrap();
        assert_eq!(header, format!("Basic {}", STANDARD.encode("a%3Ab:c+d%2B")));
        assert!(!format!("{header:?}").contains("Basic"));
    }
}
