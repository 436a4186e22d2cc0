use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, FORWARDED};
use axum::http::request::Parts;

use super::super::guard::{caller, host};
use super::super::keys::Scope;
use super::Station;
use crate::clock;
use crate::model::within;
use crate::net::Peer;

impl Station {
    /// Whether this may be told names and numbers.
    pub(super) async fn may_hear_all(&self, head: &Parts) -> bool {
        self.comes_from_a_known_network(head) || self.brings_a_key(&head.headers).await
    }

    /// An address says something only where it is the monitor's own. A proxy that nobody declared would make everybody one of
    /// this machine; and so would a page of elsewhere whose name leads here (DNS rebinding).
    fn comes_from_a_known_network(&self, head: &Parts) -> bool {
        let Some(ip) = self.caller(head) else { return false };
        let own_name =
            !ip.is_loopback() || host::named(&head.uri, &head.headers).is_some_and(|host| self.is_ours(&host));
        within(&self.networks, ip) && own_name
    }

    fn caller(&self, head: &Parts) -> Option<IpAddr> {
        let proxies = self.desk.as_ref().and_then(|desk| desk.config.admin.as_ref());
        if let (Some(desk), true) = (&self.desk, proxies.is_some_and(|admin| !admin.reverse_proxy.is_empty())) {
            return caller::find(desk, head).ok().map(|caller| caller.ip);
        }
        let forwarded = ["x-forwarded-for", "x-real-ip", FORWARDED.as_str()];
        if forwarded.iter().any(|name| head.headers.contains_key(*name)) {
            return None;
        }
        head.extensions.get::<Peer>().map(|peer| peer.ip().to_canonical())
    }

    fn is_ours(&self, host: &str) -> bool {
        let Some(name) = host::name(host) else { return false };
        let local = name == "localhost" || name.ends_with(".localhost") || host::ip(&name).is_some();
        local || self.hostname.eq_ignore_ascii_case(&name)
    }

    async fn brings_a_key(&self, headers: &HeaderMap) -> bool {
        let Some(desk) = &self.desk else { return false };
        let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        let secret = header.and_then(|text| text.split_once(' '));
        let secret =
            secret.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, secret)| secret.trim());
        let Some(secret) = secret else { return false };
        let key = desk.ring.find(secret, clock::now()).await;
        key.is_ok_and(|key| key.is_some_and(|key| key.may(Scope::Read)))
    }
}
