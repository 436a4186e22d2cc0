//! Properties of any message.

use proptest::prelude::*;

use super::super::address::{is_address, mailboxes};
use super::super::fields::Fields;
use super::super::opinion::opinion;
use super::*;

/// Values of a From line, from good to hostile, by their pieces.
fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(OWN.to_owned()),
        prop::sample::select(vec![
            "<",
            ">",
            "\"",
            "(",
            ")",
            ",",
            ";",
            ":",
            "@",
            "\\",
            " ",
            "\r\n ",
            "\r\n \r\n ",
            "\t",
            "=?utf-8?q?",
            "=?utf-8?b?",
            "?=",
            "=40",
            "=0D=0A",
            "a",
            "evil@x",
            "<evil@x>",
            "support@example.com",
            "<support@example.com>",
            "\u{e9}",
            "Support Team",
            "\"Team\"",
            "a@list.example",
            "[",
            "]",
            ".",
            "..",
            "\u{2028}",
            "From:",
            "Group:",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,8}",
    ];
    let own =
        prop::sample::select(vec![OWN.to_owned(), format!("Team <{OWN}>"), format!("\"T\" <{OWN}>, a@list.example")]);
    prop_oneof![1 => own, 2 => prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())]
}

/// A header line with its CRLF.
fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "From",
        "FROM ",
        "from",
        "Sender",
        "Reply-To",
        "Subject",
        "DKIM-Signature",
        "Resent-From",
        "X",
        "Fr om",
        "",
        ".X",
    ]);
    prop_oneof![
        8 => (name, value()).prop_map(|(name, value)| format!("{name}: {value}\r\n")),
        1 => "[ -~]{0,20}".prop_map(|text| format!("{text}\r\n")),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![Just(Vec::new()), Just(b"\r\n".to_vec()), Just(b"\r\nFrom: body@x\r\n\r\nx\r\n".to_vec())];
    (prop::collection::vec(line(), 0..4), body)
        .prop_map(|(lines, body)| [lines.concat().as_bytes(), &body, b".\r\n"].concat())
}

/// All lines but those that the policy may touch; and the body.
fn others(message: &[u8]) -> Vec<Vec<u8>> {
    let end = end(message, &mut 0).unwrap_or(message.len());
    let touched = |name: &str| ["from", "sender", "reply-to"].contains(&name);
    let fields = Fields::new(&message[..end]).flatten().map(|field| field.raw.to_vec());
    let name = |raw: &[u8]| String::from_utf8_lossy(raw).split(':').next().unwrap().trim().to_lowercase();
    fields.filter(|raw| !touched(&name(raw))).chain([message[end..].to_vec()]).collect()
}

fn splits(message: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(message.len() + 1)).collect();
    cuts.extend([0, message.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| message[cut[0]..cut[1]].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Law 10.
    #[test]
    fn any_split_gives_the_same(message in message(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let list = allowed();
        for policy in [Policy::Keep, require(&list), REWRITE] {
            let whole = pass(policy, [&message[..]]);
            prop_assert_eq!(&whole, &pass(policy, message.chunks(1)));
            prop_assert_eq!(&whole, &pass(policy, splits(&message, &cuts).iter().map(Vec::as_slice)));
        }
    }

    /// Law 5.
    #[test]
    fn nothing_else_changes(message in message()) {
        let list = allowed();
        prop_assert_eq!(&pass(Policy::Keep, [&message[..]]).unwrap().0, &message);
        if let Ok((passed, _)) = pass(require(&list), [&message[..]]) {
            prop_assert_eq!(&passed, &message);
        }
        if let Ok((rewritten, _)) = pass(REWRITE, [&message[..]]) {
            prop_assert_eq!(others(&rewritten), others(&message));
            let again = pass(REWRITE, [&rewritten[..]]).unwrap().0;
            prop_assert_eq!(again, rewritten, "a second time changes nothing");
        }
    }

    #[test]
    fn a_rewritten_message_is_from_the_address_alone(message in message()) {
        if let Ok((rewritten, _)) = pass(REWRITE, [&message[..]]) {
            let header = &rewritten[..end(&rewritten, &mut 0).unwrap()];
            let from: Vec<_> = Fields::new(header).map(Result::unwrap).filter(|field| field.is("From")).collect();
            prop_assert_eq!(from.len(), 1);
            let own = mailboxes(from[0].value).unwrap();
            prop_assert!(own.len() == 1 && own[0].address.eq_ignore_ascii_case(OWN));
            let second = opinion(header);
            prop_assert!(second.from.len() == 1 && second.from[0].eq_ignore_ascii_case(OWN));
        }
    }

    /// What passes holds no foreign address anywhere in its senders' lines, however they are read.
    #[test]
    fn what_passes_names_no_one_else(message in message()) {
        let list = allowed();
        if let Ok((passed, _)) = pass(require(&list), [&message[..]]) {
            let header = &passed[..end(&passed, &mut 0).unwrap()];
            for field in Fields::new(header).map(Result::unwrap).filter(|field| field.is("From") || field.is("Sender")) {
                let text = String::from_utf8_lossy(field.raw);
                prop_assert!(!text.contains("evil@x") && !text.contains("evil=40x"), "{}", text);
            }
            let second = opinion(header);
            let permitted = Allowed { who: "", addresses: &list };
            let all = second.from.iter().chain(&second.sender).all(|address| permitted.permits(address));
            prop_assert!(all, "{:?}", second);
        }
    }

    /// Most of what is plainly right is not refused.
    #[test]
    fn plain_senders_pass(name in "([A-Za-z0-9]{1,10} ?){0,4}", quoted in any::<bool>(), local in "[a-z0-9]{1,8}([.+-][a-z0-9]{1,8})?") {
        let list = allowed();
        let name = if quoted { format!("\"{name}\"") } else { name };
        let address = format!("{local}@list.example");
        prop_assert!(is_address(&address));
        let message = format!("Subject: x\r\nFrom: {name} <{address}>\r\n\r\nx\r\n.\r\n");
        prop_assert_eq!(&pass(require(&list), [message.as_bytes()]).unwrap().0, message.as_bytes());
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300), size in 1..40_usize) {
        let list = allowed();
        for policy in [Policy::Keep, require(&list), REWRITE] {
            let _ = pass(policy, octets.chunks(size));
            let _ = mail_from(policy, &octets);
        }
        let from = [b"From: ", &octets[..], b"\r\n\r\n.\r\n"].concat();
        for policy in [require(&list), REWRITE] {
            let _ = pass(policy, from.chunks(size));
        }
    }
}
