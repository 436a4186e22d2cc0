//! Whole logins by the protocol cores, transcript in, steps out.

use divan::{Bencher, black_box};
use gatepost::proto::imap::{ImapDownstream, ImapReady, ImapUpstream};
use gatepost::proto::pop3::{Pop3Downstream, Pop3Ready, Pop3Upstream};
use gatepost::proto::sasl::Mechanism;
use gatepost::proto::smtp::{Extensions, SmtpDownstream, SmtpReady, SmtpUpstream};
use gatepost::proto::{
    DownstreamLogin, DownstreamStep, Input, Newline, Offer, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls,
};

fn offer() -> Offer {
    Offer {
        hostname: "mail.example".into(),
        starttls: false,
        passwords: true,
        message_size: 50_000_000,
        extensions: Extensions::HOPED_FOR,
        newline: Newline::Strict,
        anonymous: false,
    }
}

fn identity() -> UpstreamIdentity {
    UpstreamIdentity {
        mechanism: Mechanism::Xoauth2,
        user: "support@example.com".into(),
        // Microsoft's are about as long.
        token: "x".repeat(2000).into(),
        host: "outlook.office365.com".into(),
        port: 993,
        ehlo: "mail.example".into(),
    }
}

/// From the greeting to the reply that ends the login; returns how much was written.
fn down<D: DownstreamLogin>(mut core: D, flights: &[&[u8]], ready: &D::Ready) -> usize {
    let (mut input, mut written) = (Input::new(), core.greet().as_bytes().len());
    for flight in flights {
        input.push(flight);
        loop {
            let (next, step) = core.advance(&mut input);
            core = next;
            match step {
                DownstreamStep::Read => break,
                DownstreamStep::Write(output) => written += output.as_bytes().len(),
                DownstreamStep::Login(credentials) => {
                    black_box(&credentials);
                    return written + core.accept(ready).as_bytes().len();
                }
                other => panic!("{other:?}"),
            }
        }
    }
    panic!("nobody logged in");
}

/// From the greeting to the upstream's yes; returns how much was written.
fn up<U: UpstreamLogin>(mut core: U, flights: &[&[u8]]) -> usize {
    let (mut input, mut written) = (Input::new(), 0);
    for flight in flights {
        input.push(flight);
        loop {
            let (next, step) = core.advance(&mut input);
            core = next;
            match step {
                UpstreamStep::Read => break,
                UpstreamStep::Write(output) => written += output.as_bytes().len(),
                UpstreamStep::Done(_) => return written,
                UpstreamStep::Opened => {}
                UpstreamStep::StartTls => panic!("TLS is there from the first byte"),
                UpstreamStep::Failed(failure) => panic!("{failure}"),
            }
        }
    }
    panic!("nobody was let in");
}

#[divan::bench]
fn imap_downstream(bencher: Bencher) {
    let ready = ImapReady { capabilities: b"IMAP4rev1 IDLE MOVE UIDPLUS".to_vec() };
    bencher.with_inputs(offer).bench_values(|offer| {
        let flights: [&[u8]; 2] = [b"1 CAPABILITY\r\n", b"2 LOGIN \"evmail\" \"correct horse\"\r\n"];
        down(ImapDownstream::new(offer), black_box(&flights), &ready)
    });
}

#[divan::bench]
fn pop3_downstream(bencher: Bencher) {
    bencher.with_inputs(offer).bench_values(|offer| {
        let flights: [&[u8]; 3] = [b"CAPA\r\n", b"USER evmail\r\n", b"PASS correct horse\r\n"];
        down(Pop3Downstream::new(offer), black_box(&flights), &Pop3Ready)
    });
}

#[divan::bench]
fn smtp_downstream(bencher: Bencher) {
    let ready = SmtpReady { extensions: Extensions::default() };
    bencher.with_inputs(offer).bench_values(|offer| {
        let flights: [&[u8]; 2] = [b"EHLO client.example\r\n", b"AUTH PLAIN AGV2bWFpbABjb3JyZWN0IGhvcnNl\r\n"];
        down(SmtpDownstream::new(offer), black_box(&flights), &ready)
    });
}

#[divan::bench]
fn imap_upstream(bencher: Bencher) {
    bencher.with_inputs(identity).bench_values(|identity| {
        let flights: [&[u8]; 4] = [
            b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n",
            b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID IDLE\r\nG1 OK CAPABILITY completed.\r\n",
            b"G1 OK AUTHENTICATE completed.\r\n",
            b"* CAPABILITY IMAP4 IMAP4rev1 UIDPLUS ID IDLE\r\nG1 OK CAPABILITY completed.\r\n",
        ];
        up(ImapUpstream::new(identity, UpstreamTls::Implicit), black_box(&flights))
    });
}

#[divan::bench]
fn pop3_upstream(bencher: Bencher) {
    bencher.with_inputs(identity).bench_values(|identity| {
        let flights: [&[u8]; 3] = [
            b"+OK The Microsoft Exchange POP3 service is ready.\r\n",
            b"+ \r\n",
            b"+OK User successfully authenticated.\r\n",
        ];
        up(Pop3Upstream::new(identity, UpstreamTls::Implicit), black_box(&flights))
    });
}

#[divan::bench]
fn smtp_upstream(bencher: Bencher) {
    bencher.with_inputs(identity).bench_values(|identity| {
        let flights: [&[u8]; 4] = [
            b"220 smtp.office365.com Microsoft ESMTP MAIL Service ready\r\n",
            b"250-smtp.office365.com Hello\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-AUTH LOGIN XOAUTH2\r\n250 SMTPUTF8\r\n",
            b"334 \r\n",
            b"235 2.7.0 Authentication successful\r\n",
        ];
        up(SmtpUpstream::new(identity, UpstreamTls::Implicit), black_box(&flights))
    });
}
