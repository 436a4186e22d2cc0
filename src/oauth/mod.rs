//! Token requests (RFC 6749) by every grant, and what their failures mean.

mod answer;
mod assertion;
mod authorize;
mod claims;
mod client;
mod device;
mod discover;
mod error;
mod exchange;
mod fields;
mod form;
mod http;
mod identity;
mod loopback;
mod proxy;

pub use authorize::{Authorization, Declined, Returned, authorization};
pub use claims::telling_claims;
pub use device::{DeviceCode, device_code, device_grant};
pub use error::{OauthError, is_unprintable};
pub use exchange::{Ask, exchange};
pub use http::{Http, HttpSettings, Unusable};
pub use loopback::{Loopback, LoopbackError};
