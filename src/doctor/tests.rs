mod rounds;

use chrono::TimeDelta;

use super::advice::{left, upstream};
use crate::model::{Endpoint, Protocol, UpstreamTls};
use crate::proto::{UpstreamFailure, Violation};
use crate::upstream::UpstreamError;

fn remedy(protocol: Protocol, port: u16, tls: UpstreamTls, error: &UpstreamError) -> String {
    let endpoint = Endpoint { host: "mail.example.com".into(), port, tls };
    upstream(error, &endpoint, protocol, chrono::DateTime::UNIX_EPOCH).1.remedy
}

#[test]
fn a_known_port_tells_its_mode() {
    let slow = UpstreamError::Slow { host: "mail.example.com".into(), seconds: 1 };
    let of = |protocol, port, tls| remedy(protocol, port, tls, &slow);
    assert_eq!(
        of(Protocol::Smtp, 465, UpstreamTls::Starttls),
        "port 465 wants tls = \"implicit\" in the provider's table"
    );
    assert_eq!(
        of(Protocol::Imap, 995, UpstreamTls::Implicit),
        "port 995 is for pop3; imap has 993 with tls = \"implicit\", 143 with tls = \"starttls\""
    );
    assert!(of(Protocol::Imap, 4711, UpstreamTls::Starttls).starts_with("try tls = \"implicit\" for this port"));
}

#[test]
fn a_mechanism_that_is_not_offered() {
    let lacks = |name| {
        let failure = UpstreamFailure::Violation(Violation::NoMechanism(name));
        let error = UpstreamError::Login { host: "mail.example.com".into(), failure };
        remedy(Protocol::Imap, 993, UpstreamTls::Implicit, &error)
    };
    assert!(lacks("XOAUTH2").contains("`sasl`"));
    assert!(lacks("PLAIN or LOGIN").contains("OAuth grant"));
}

#[test]
fn what_is_left_is_told_in_its_largest_unit() {
    for (seconds, told) in [(59, "59 seconds"), (3599, "59 minutes"), (7200, "2 hours"), (86_400 * 3, "3 days")] {
        assert_eq!(left(TimeDelta::seconds(seconds)), told);
    }
}
