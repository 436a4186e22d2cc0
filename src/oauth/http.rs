use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use oauth2::{HttpRequest, HttpResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use super::answer::Refusal;
use super::discover::Found;
use super::error::OauthError;
use super::fields::{Fields, readable};
use super::form::Form;
use super::proxy;
use crate::model::Egress;
use crate::net::{self, Aside};

/// The HTTP client of one provider: its own TLS trust, no redirects, nothing without end.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    /// Longest answer, in octets.
    longest: usize,
    /// The whole exchange.
    pub(super) total: Duration,
    egress: Egress,
    /// The requests at each endpoint, so many at a time: one that hangs takes no other's places.
    places: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    at_a_time: usize,
    /// Files that are read, and may be on a disk that hangs.
    pub(super) files: Arc<Aside<Result<SecretString, OauthError>>>,
    /// What issuers said of themselves.
    pub(super) found: Arc<Mutex<HashMap<Url, Found>>>,
}

/// Bounds of an [`Http`].
#[derive(Clone, Copy, Debug)]
pub struct HttpSettings {
    /// TCP and TLS.
    pub connect: Duration,
    /// The whole exchange.
    pub total: Duration,
    /// Longest answer, in octets.
    pub longest: usize,
}

/// Requests at an endpoint at a time, where nothing else is set.
const AT_A_TIME: usize = 16;
/// Files that are read at a time.
const FILES: usize = 16;

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up HTTPS: {0}")]
pub struct Unusable(#[from] reqwest::Error);

/// What happened below the protocol.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{0}")]
    Failed(String),
    #[error("the answer is longer than {0} octets")]
    TooLong(usize),
    #[error("{0} requests to it are under way, and none came to an end (limits.token_requests)")]
    Crowded(usize),
}

/// What the oauth2 crate does not hand on, and the decision needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
}

impl Http {
    /// A client with this trust. It speaks HTTP/1.1 and never sends a secret where a redirect points.
    pub fn new(tls: &ClientConfig, settings: HttpSettings) -> Result<Self, Unusable> {
        Self::by_way_of(&Egress::default(), tls, settings)
    }

    /// The same, by this way out. Proxies of the environment (`HTTPS_PROXY`) are not used.
    pub fn by_way_of(egress: &Egress, tls: &ClientConfig, settings: HttpSettings) -> Result<Self, Unusable> {
        let builder = reqwest::Client::builder().no_proxy();
        let builder = proxy::proxy(egress).into_iter().fold(builder, reqwest::ClientBuilder::proxy);
        let client = builder
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(Names))
            .connect_timeout(settings.connect)
            .timeout(settings.total)
            .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let HttpSettings { longest, total, .. } = settings;
        let files = Arc::new(Aside::new(FILES));
        let (egress, places, found) = (egress.clone(), Arc::default(), Arc::default());
        Ok(Self { client, longest, total, egress, places, at_a_time: AT_A_TIME, files, found })
    }

    /// With so many requests at an endpoint at a time.
    #[must_use]
    pub fn at_a_time(self, at_a_time: usize) -> Self {
        Self { at_a_time: at_a_time.max(1), ..self }
    }

    /// A place among the requests at an endpoint. Half of the time of an exchange is left for itself.
    async fn place(&self, url: &Url) -> Result<OwnedSemaphorePermit, HttpError> {
        let endpoint = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        let new = || Arc::new(Semaphore::new(self.at_a_time));
        let places =
            Arc::clone(self.places.lock().unwrap_or_else(PoisonError::into_inner).entry(endpoint).or_insert_with(new));
        let place = timeout(self.total / 2, places.acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or(HttpError::Crowded(self.at_a_time))
    }

    /// Posts a form and reads the answer as JSON, or as an OAuth error.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        form: Form,
        now: DateTime<Utc>,
    ) -> Result<T, OauthError> {
        let request = http::Request::post(url.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = match form.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        };
        self.json(url, request.body(form.body.as_bytes().to_vec()), now).await
    }

    /// Gets JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        now: DateTime<Utc>,
    ) -> Result<T, OauthError> {
        let request = headers
            .iter()
            .fold(http::Request::get(url.as_str()), |request, (name, value)| request.header(*name, *value));
        // Only the token endpoint can end a grant.
        self.json(url, request.body(Vec::new()), now).await.map_err(OauthError::not_ended)
    }

    async fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        request: http::Result<HttpRequest>,
        now: DateTime<Utc>,
    ) -> Result<T, OauthError> {
        let host = url.host_str().unwrap_or_default();
        let seen = Mutex::default();
        let unanswered = |fault: &dyn std::fmt::Display, seen| {
            OauthError::unanswered(host, &format!("did not answer: {fault}"), seen)
        };
        let request = request.map_err(|fault| unanswered(&fault, Seen::default()))?;
        let answered = self.send(request, &seen, now).await;
        let seen = *seen.lock().unwrap_or_else(PoisonError::into_inner);
        let body = answered.map_err(|fault| unanswered(&fault, seen))?.into_body();
        let success = seen.status.is_some_and(|status| (200..300).contains(&status));
        if let Some(answer) = serde_json::from_slice(&body).ok().filter(|_| success) {
            return Ok(answer);
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => Err(OauthError::refused(host, &refusal, seen)),
            Err(_) => Err(OauthError::strange(url, seen)),
        }
    }

    /// Posts JSON to an address that is told of events. The answer's body does not matter.
    pub async fn tell(&self, url: &Url, body: String) -> Result<(), String> {
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await.map_err(|fault| self.failed(url, fault).to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("answered HTTP {}", status.as_u16())) }
    }

    /// Sends one request; status and Retry-After are left in `seen`.
    pub(super) async fn send(
        &self,
        request: HttpRequest,
        seen: &Mutex<Seen>,
        now: DateTime<Utc>,
    ) -> Result<HttpResponse, HttpError> {
        let mut request = reqwest::Request::try_from(request).map_err(failed)?;
        let url = request.url().clone();
        let since = Instant::now();
        let _place = self.place(&url).await?;
        *request.timeout_mut() = Some(self.total.saturating_sub(since.elapsed()));
        let mut response = self.client.execute(request).await.map_err(|fault| self.failed(&url, fault))?;
        *seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Seen { status: Some(response.status().as_u16()), retry_after: retry_after(response.headers(), now) };
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // Less came than was announced. An object that is whole is not thrown away for that: it may bring the only
                // copy of a refresh token.
                Err(_) if serde_json::from_slice::<Fields>(&readable(&body)).is_ok() => break,
                Err(fault) => return Err(failed(fault)),
            };
            if body.len() + chunk.len() > self.longest {
                return Err(HttpError::TooLong(self.longest));
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = HttpResponse::new(readable(&body));
        *whole.status_mut() = status;
        *whole.headers_mut() = headers;
        Ok(whole)
    }

    /// Where there is no connection, the proxy on the way is named.
    fn failed(&self, url: &Url, fault: reqwest::Error) -> HttpError {
        let unconnected = fault.is_connect() || fault.is_timeout();
        let text = causes(fault);
        match proxy::toward(&self.egress, url).filter(|_| unconnected) {
            Some(on_way) => {
                HttpError::Failed(format!("through the proxy {on_way}: {text}{}", proxy::hint(on_way, &text)))
            }
            None if url.scheme() == "http" && !unconnected => {
                HttpError::Failed(format!("{text} (it was asked without TLS: is the address one of https://?)"))
            }
            None => HttpError::Failed(text),
        }
    }
}

/// Name look-ups by the house's own bounds.
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = net::Names::system().find(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// See [`causes`].
fn failed(error: reqwest::Error) -> HttpError {
    HttpError::Failed(causes(error))
}

/// The chain of causes without the URL, which may carry parameters.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// RFC 9110, 10.2.3: seconds, or a date. Nobody is left alone for longer than a day.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_hours(24);
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(value).ok()?.with_timezone(&Utc) - now).to_std().ok()?,
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Law 9: an endpoint that hangs keeps its own places, and those who want one give up in time.
    #[tokio::test]
    async fn an_endpoint_that_hangs_takes_no_other_s_places() {
        let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = |listener: &TcpListener| -> Url {
            format!("http://{}/token", listener.local_addr().unwrap()).parse().unwrap()
        };
        let hour = Duration::from_hours(1);
        let settings = HttpSettings { connect: hour, total: Duration::from_secs(4), longest: 1024 };
        let http = Http::new(&net::client_config(None).unwrap(), settings).unwrap().at_a_time(1);
        let held = http.place(&url(&hanging)).await.unwrap();
        drop(http.place(&url(&other)).await.unwrap());
        let now = DateTime::UNIX_EPOCH;
        let crowded = http.get::<serde_json::Value>(&url(&hanging), &[], now).await.unwrap_err();
        assert!(crowded.to_string().contains("limits.token_requests"), "{crowded}");
        drop(held);
        let asked = http.clone();
        let address = url(&hanging);
        let asking = tokio::spawn(async move { asked.get::<serde_json::Value>(&address, &[], now).await });
        drop(hanging.accept().await.unwrap());
        assert!(asking.await.unwrap().is_err());
        drop(http.place(&url(&hanging)).await.unwrap());
    }

    #[test]
    fn a_wait_without_end_is_cut() {
        let wait = |value: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            retry_after(&headers, DateTime::UNIX_EPOCH).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!(wait("18446744073709551615"), Some(86_400), "such a time is beyond any clock");
        assert_eq!(wait("Fri, 31 Dec 2100 00:00:00 GMT"), Some(86_400));
        assert_eq!(wait("soon"), None);
    }
}
