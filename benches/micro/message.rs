//! What a message passes on its way: the dot scanner, the mender of lines, the sender policy.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use gatepost::proto::smtp::header::{HeaderFilter, Passage, Policy};
use gatepost::proto::smtp::{BodyLines, BodyScanner, Normaliser, Scan};

const MIB: usize = 1 << 20;
/// As much as is read at a time.
const CHUNK: usize = 64 * 1024;
/// A line of base64, of which messages that are large are made.
const BASE64: &[u8] = b"AAAAGGZ0eXBpc29tAAACAGlzb21pc28yYXZjMW1wNDEAAAAIZnJlZQAAAAhmcmVlAAAACGZyZWUx\r\n";
const HEADER: &[u8] = b"Received: from [10.0.0.1]\r\nFrom: Support <support@example.com>\r\nTo: a@example.net\r\n\
    Subject: =?utf-8?q?Hall=C3=B6chen?=\r\nDate: Mon, 1 Sep 2025 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n";

/// A message of a MiB made of these lines.
fn message(line: &[u8]) -> Vec<u8> {
    let mut message = HEADER.to_vec();
    while message.len() < MIB {
        message.extend_from_slice(line);
    }
    message
}

/// Chunk by chunk; a CR at the end of one is seen again with what follows.
fn scanned(message: &[u8]) -> usize {
    let (mut scanner, mut passed) = (BodyScanner::new(), 0);
    while passed < message.len() {
        let chunk = &message[passed..message.len().min(passed + CHUNK)];
        passed += match scanner.scan(black_box(chunk)) {
            Scan::More { forward } | Scan::End { forward } => forward,
            Scan::Fault { at, .. } => panic!("a fault at {at}"),
        };
    }
    passed
}

fn bench(bencher: Bencher, line: &[u8], pass: impl Fn(&[u8]) -> usize + Sync) {
    let message = message(line);
    bencher.counter(BytesCount::new(message.len())).bench(|| pass(&message));
}

#[divan::bench]
fn dot_scanner(bencher: Bencher) {
    bench(bencher, BASE64, scanned);
}

/// As bad as it gets within the law: every line begins with a dot and is short.
#[divan::bench]
fn dot_scanner_of_dots(bencher: Bencher) {
    bench(bencher, b"..\r\n", scanned);
}

#[divan::bench]
fn mended_lines(bencher: Bencher) {
    bench(bencher, b"a line of a scanner that ends its lines as it likes\n", |message| {
        let (mut normaliser, mut out) = (Normaliser::new(BodyLines::Lf).unwrap(), Vec::with_capacity(2 * CHUNK));
        let mut made = 0;
        for chunk in message.chunks(CHUNK) {
            out.clear();
            let _ = black_box(normaliser.pass(black_box(chunk), &mut out));
            made += out.len();
        }
        made
    });
}

fn filtered(policy: Policy<'_>, message: &[u8]) -> usize {
    let mut filter = HeaderFilter::new(policy, 256 * 1024);
    let pass = |chunk| match filter.pass(black_box(chunk)) {
        Passage::Hold => 0,
        Passage::Forward(octets) => octets.len(),
        Passage::Refuse(refusal) => panic!("{refusal:?}"),
    };
    message.chunks(CHUNK).map(pass).sum()
}

#[divan::bench]
fn header_kept(bencher: Bencher) {
    bench(bencher, BASE64, |message| filtered(Policy::Keep, message));
}

#[divan::bench]
fn header_required(bencher: Bencher) {
    let addresses = ["support@example.com".to_owned()];
    bench(bencher, BASE64, |message| filtered(Policy::Require { who: "evmail", addresses: &addresses }, message));
}

#[divan::bench]
fn header_rewritten(bencher: Bencher) {
    let policy = Policy::Rewrite { address: "relay@example.com", reply_to: true };
    bench(bencher, BASE64, |message| filtered(policy, message));
}
