//! The device flow (RFC 8628) in Microsoft's words. Google has none for mail.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::answer::Refusal;
use super::asked::Asked;
use super::grants::Outcome;
use crate::client::Client;
use crate::dialect::Dialect;
use crate::http::Response;
use crate::provider::Provider;
use crate::state::State;

pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a poll of the device flow finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// Nobody has typed the code yet.
    Pending,
    /// So, and the client asks too often: five seconds longer from now on.
    SlowDown,
    /// Somebody signed in with this mailbox and consented. The code is spent.
    Approved(String),
    /// Somebody declined. The code is spent.
    Declined,
    /// The code's time is over.
    Expired,
}

/// Device codes, and what the polls to come will find.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    codes: HashMap<String, Code>,
    script: VecDeque<Device>,
    interval: Option<u64>,
    serial: u32,
}

#[derive(Debug)]
struct Code {
    client: String,
    scope: String,
    interval: Duration,
    answered: Instant,
}

impl Provider {
    /// The device authorization endpoint.
    #[must_use]
    pub fn device_url(&self) -> String {
        format!("https://127.0.0.1:{}/devicecode", self.ports.token)
    }

    /// What the next polls of device codes find, one each; [`Device::Pending`] when none is left.
    pub fn device(&self, polls: impl IntoIterator<Item = Device>) {
        self.state.lock().devices.script.extend(polls);
    }

    /// How many seconds clients have to wait between polls, instead of five. Who polls earlier violates the rules.
    pub fn set_device_interval(&self, seconds: u64) {
        self.state.lock().devices.interval = Some(seconds);
    }
}

/// The device authorization request (RFC 8628, 3.1).
pub(crate) fn begin(state: &State, asked: &Asked, client: &Client) -> Response {
    if state.dialect == Dialect::Google {
        return Refusal::new("invalid_scope", 70_011, "Invalid device flow scope").response(state.dialect);
    }
    let devices = &mut state.lock().devices;
    devices.serial += 1;
    let (device_code, user_code) = (format!("device+{}/==", devices.serial), format!("SIM{:06}", devices.serial));
    let interval = devices.interval.unwrap_or(5);
    let uri = "https://login.example/device";
    let code = Code {
        client: client.id.clone(),
        scope: asked.field("scope").to_owned(),
        interval: Duration::from_secs(interval),
        answered: Instant::now(),
    };
    devices.codes.insert(device_code.clone(), code);
    Response::json(
        200,
        &json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": uri,
            "expires_in": 900,
            "interval": interval,
            "message": format!("To sign in, use a web browser to open the page {uri} and enter the code {user_code} to authenticate."),
        }),
    )
}

/// A poll (RFC 8628, 3.4).
pub(crate) fn poll(state: &State, asked: &Asked, client: &Client) -> Outcome {
    let name = asked.field("device_code");
    let mut inner = state.lock();
    let Some(code) = inner.devices.codes.get_mut(name).filter(|code| code.client == client.id) else {
        return Err(Refusal::new("bad_verification_code", 70_018, "Invalid verification code."));
    };
    let too_early = code.answered.elapsed() < code.interval;
    code.answered = Instant::now();
    let scope = code.scope.clone();
    if too_early {
        inner.violations.push("device: polled before the interval was over".to_owned());
    }
    let found = inner.devices.script.pop_front().unwrap_or(Device::Pending);
    match &found {
        Device::SlowDown => {
            if let Some(code) = inner.devices.codes.get_mut(name) {
                code.interval += Duration::from_secs(5);
            }
        }
        Device::Approved(_) | Device::Declined | Device::Expired => {
            inner.devices.codes.remove(name);
        }
        Device::Pending => {}
    }
    let offline = scope.split(' ').any(|scope| scope == "offline_access");
    match found {
        Device::Approved(mailbox) => Ok((inner.tokens.by_consent(client, &mailbox, offline), scope)),
        Device::Pending => Err(Refusal::new(
            "authorization_pending",
            70_016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        )),
        Device::SlowDown => Err(Refusal::new("slow_down", 70_016, "The client is polling too frequently.")),
        Device::Declined => {
            Err(Refusal::new("authorization_declined", 70_017, "The end user has denied the authorization request."))
        }
        Device::Expired => Err(Refusal::new(
            "expired_token",
            70_020,
            "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        )),
    }
}
