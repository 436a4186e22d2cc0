//! A desk before a simulated provider: one token by consent, one that needs nobody, and an account.

use std::sync::Arc;
use std::time::Duration;

use gatepost_kit::{Client, Provider};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::super::{Desk, published};
use super::desk_on;
use crate::consent::{Devices, Find, Party};
use crate::doctor::{Doctor, Rounds};
use crate::net;
use crate::oauth::{Http, HttpSettings};
use crate::store::generate_key;
use crate::upstream::{Limits, Reach};

pub(in crate::admin) const MAILBOX: &str = "support@example.com";
pub(in crate::admin) const PUBLIC: &str = "https://mail.example.com/gatepost/";

/// Where nobody listens.
pub(in crate::admin) const ELSEWHERE: &str = "http://localhost:9/";

pub(in crate::admin) struct Scene {
    pub(in crate::admin) provider: Arc<Provider>,
    pub(in crate::admin) desk: Desk,
    /// Ends what the desk does by itself.
    pub(in crate::admin) stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Scene {
    pub(in crate::admin) async fn new() -> Self {
        let provider = Provider::start().await;
        let callback = format!("{PUBLIC}oauth/callback");
        provider.register(
            Client::new("client", MAILBOX).mailbox("other@example.com").redirect(&callback).redirect(ELSEWHERE),
        );
        provider.add_client("machine", Some("s3cret"), MAILBOX);
        provider.set_device_interval(1);
        Self::before(Arc::new(provider), "sqlite:gatepost.db", &generate_key().unwrap()).await
    }

    /// Before this provider, on this store, with this key.
    pub(in crate::admin) async fn before(provider: Arc<Provider>, store_url: &str, key: &SecretString) -> Self {
        let (mut desk, directory) = desk_on(PUBLIC, &text(&provider), store_url, key).await;
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, provider.authority.ca_pem()).unwrap();
        let trust = net::client_config(Some(&ca)).unwrap();
        let limit = Duration::from_secs(5);
        let http = Http::new(&trust, HttpSettings { connect: limit, total: limit, longest: 65_536 }).unwrap();
        let reach = Reach {
            trust,
            ehlo: "gatepost.example".into(),
            limits: Limits { connect: limit, login: limit },
            roads: Arc::default(),
        };
        let declared = desk.registry.declared();
        desk.tokens.declare(declared.tokens.iter().map(|token| (Arc::clone(token), http.clone())));
        let (registry, way) = (Arc::clone(&desk.registry), reach.clone());
        let find: Find = Arc::new(move |name| {
            let token = Arc::clone(registry.declared().find(name).ok()?);
            Some(Party { token, http: http.clone(), reach: way.clone() })
        });
        let stop = CancellationToken::new();
        desk.devices = Devices::new(Arc::clone(&desk.store), Arc::clone(&find), desk.busy.clone(), stop.clone());
        desk.doctor = Doctor { tokens: desk.tokens.clone(), reach: Arc::new(move |_| Some(reach.clone())) };
        desk.rounds = Rounds::new(desk.doctor.clone(), published(&desk.store), stop.clone());
        desk.find = find;
        Self { provider, desk, stop, _directory: directory }
    }

    pub(in crate::admin) async fn holds_a_grant(&self) -> bool {
        self.desk.store.token("support").await.unwrap().state.refresh.is_some()
    }
}

fn text(provider: &Provider) -> String {
    let ports = &provider.ports;
    let server = |port| format!("{{ host = \"localhost\", port = {port}, tls = \"implicit\" }}");
    format!(
        r#"
[providers.simulated]
authorization_url = "{authorize}"
token_url = "{token}"
device_url = "{device}"
scopes = ["https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"]
identity_scopes = ["openid"]
imap = {imap}
pop3 = {pop3}
smtp = {smtp}
[tokens.support]
provider = "simulated"
grant = "authorization_code"
mailbox = "{MAILBOX}"
client_id = "client"
[tokens."a/b <i>"]
provider = "simulated"
grant = "authorization_code"
mailbox = "{MAILBOX}"
client_id = "client"
[tokens.elsewhere]
provider = "simulated"
grant = "authorization_code"
mailbox = "{MAILBOX}"
client_id = "client"
redirect_uri = "{ELSEWHERE}"
[tokens.secret]
provider = "simulated"
grant = "app_password"
mailbox = "{MAILBOX}"
password = "abcd efgh"
[tokens.machine]
provider = "simulated"
grant = "client_credentials"
mailbox = "{MAILBOX}"
client_id = "machine"
client_secret = "s3cret"
[accounts.evmail]
password_hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8"
token = "machine"
[accounts.reader]
password_hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8"
token = "machine"
protocols = ["imap"]
"#,
        authorize = provider.authorize_url(),
        token = provider.token_url(),
        device = provider.device_url(),
        imap = server(ports.imaps),
        pop3 = server(ports.pop3s),
        smtp = server(ports.smtps),
    )
}
