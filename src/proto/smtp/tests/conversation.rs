//! Transcripts of the conversation after login.

use std::fmt::Write as _;

use proptest::prelude::*;
use smtp_proto::{EXT_8BIT_MIME, EXT_DSN, EXT_PIPELINING, EXT_SIZE, EXT_SMTP_UTF8};

use super::*;

const FULL: u32 = EXT_PIPELINING | EXT_8BIT_MIME | EXT_SMTP_UTF8 | EXT_DSN | EXT_SIZE;

/// An upstream that takes all but what names a culprit.
fn upstream(line: &str) -> &'static str {
    let refused = line.contains("refused");
    match line.split([' ', '\r']).next().unwrap().to_uppercase().as_str() {
        "MAIL" if refused => "550-5.7.60 no\r\n550 5.7.60 way\r\n",
        "RCPT" if refused => "550 5.1.1 unknown\r\n",
        "DATA" => "354 go\r\n",
        "RSET" => "250 2.0.0 reset\r\n",
        "NOOP" => "250 2.0.0 noop\r\n",
        _ => "250 2.0.0 ok\r\n",
    }
}

/// Plays client flights: `U: …` for each group that went upstream, `S: …` for each line that the client heard.
struct Play<'a> {
    conversation: Conversation,
    input: Input,
    group: String,
    log: Vec<String>,
    upstream: &'a dyn Fn(&str) -> &'static str,
    body: Option<String>,
    over: bool,
}

impl Play<'_> {
    fn chunk(&mut self, chunk: &[u8]) {
        self.input.push(chunk);
        while !self.over {
            if self.body.is_some() {
                if !self.body() {
                    return;
                }
                continue;
            }
            match self.conversation.advance(&mut self.input) {
                Turn::Read => return,
                Turn::Settle => self.settle(),
                Turn::Answer(answer) | Turn::Refuse(answer, _) => {
                    self.settle();
                    self.say(&answer);
                }
                Turn::Forward(line, command) => {
                    self.group += std::str::from_utf8(line.as_bytes()).unwrap();
                    self.conversation.forwarded(command);
                }
                Turn::Close(answer, violation) => {
                    self.settle();
                    self.say(&answer);
                    self.over = true;
                    self.log.push(violation.map_or("CLOSE".into(), |violation| format!("CLOSE {violation}")));
                }
            }
        }
    }

    /// Line by line is enough here.
    fn body(&mut self) -> bool {
        let Line::Whole(line) = self.input.line(1000) else { return false };
        let line = String::from_utf8_lossy(line).into_owned();
        if line == "." {
            let body = self.body.take().unwrap();
            self.log.push(format!("U: body {body}"));
            self.log.push("S: 250 taken".into());
        } else {
            writeln!(self.body.as_mut().unwrap(), "{line}").unwrap();
        }
        true
    }

    fn settle(&mut self) {
        let group = std::mem::take(&mut self.group);
        if group.is_empty() {
            return;
        }
        self.log.push(format!("U: {}", group.trim_end().replace("\r\n", " | ")));
        let mut replies = Input::new();
        replies.push(group.split_inclusive("\r\n").map(self.upstream).collect::<String>().as_bytes());
        while let Some(command) = self.conversation.due() {
            let reply = Reply::read(&mut replies).unwrap().unwrap();
            match self.conversation.replied(command, &reply, !self.input.is_empty()) {
                Replied::Answer(answer) => self.say(&answer),
                Replied::Body(answer, envelope) => {
                    self.say(&answer);
                    self.log.push(format!("BODY from {} to {}", envelope.from, envelope.recipients));
                    self.body = Some(String::new());
                }
                Replied::Impatient(answer) => {
                    self.say(&answer);
                    (self.over, self.group) = (true, String::new());
                    self.log.push("IMPATIENT".into());
                    return;
                }
                Replied::Nonsense => {
                    self.over = true;
                    self.log.push("NONSENSE".into());
                    return;
                }
            }
        }
        assert!(replies.is_empty());
    }

    fn say(&mut self, answer: &Output) {
        let text = std::str::from_utf8(answer.as_bytes()).unwrap();
        self.log.extend(text.lines().map(|line| format!("S: {line}")));
    }
}

fn play(flags: u32, upstream: &dyn Fn(&str) -> &'static str, flights: &[Vec<Vec<u8>>]) -> Vec<String> {
    let extensions = Extensions { size: Some(5000), flags, mechanisms: 0 };
    let conversation = Conversation::new("mail.example".into(), extensions, 1000);
    let (input, group, log) = (Input::new(), String::new(), Vec::new());
    let mut play = Play { conversation, input, group, log, upstream, body: None, over: false };
    flights.iter().flatten().for_each(|chunk| play.chunk(chunk));
    play.log
}

fn with(flags: u32, flights: &[&[u8]]) -> Vec<String> {
    play(flags, &upstream, &whole(flights))
}

fn full(flights: &[&[u8]]) -> Vec<String> {
    with(FULL, flights)
}

/// RFC 2920, 4, from its second group on.
const GROUPS: &[&[u8]] = &[
    b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<refused@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n",
    b"one\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\nMAIL FROM:<x@y>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b"two\r\n.\r\nQUIT\r\n",
];

#[test]
fn groups_go_upstream_as_groups() {
    assert_eq!(
        full(GROUPS),
        [
            "U: MAIL FROM:<a@b> | RCPT TO:<c@d> | RCPT TO:<refused@d> | RCPT TO:<e@d> | DATA",
            "S: 250 2.0.0 ok",
            "S: 250 2.0.0 ok",
            "S: 550 5.1.1 unknown",
            "S: 250 2.0.0 ok",
            "S: 354 go",
            "BODY from <a@b> to 2",
            "U: body one\n",
            "S: 250 taken",
            "U: MAIL FROM:<a@b> | RCPT TO:<c@d> | RSET | MAIL FROM:<x@y> | RCPT TO:<c@d> | DATA",
            "S: 250 2.0.0 ok",
            "S: 250 2.0.0 ok",
            "S: 250 2.0.0 reset",
            "S: 250 2.0.0 ok",
            "S: 250 2.0.0 ok",
            "S: 354 go",
            "BODY from <x@y> to 1",
            "U: body two\n",
            "S: 250 taken",
            "S: 221 2.0.0 Bye",
            "CLOSE",
        ]
    );
}

#[test]
fn without_pipelining_upstream_there_are_no_groups_and_the_same_replies() {
    let single = with(FULL & !EXT_PIPELINING, GROUPS);
    assert!(single.iter().all(|line| !line.contains(" | ")));
    let heard = |log: &[String]| log.iter().filter(|line| !line.starts_with("U: ")).cloned().collect::<Vec<_>>();
    assert_eq!(heard(&single), heard(&full(GROUPS)));
}

/// Nothing that follows may depend on these (RFC 2920, 3.1); what is answered here keeps its turn.
#[test]
fn noop_vrfy_help_expn_and_ehlo_anywhere() {
    let flights: &[&[u8]] =
        &[b"NOOP\r\nRSET\r\nVRFY x\r\nMAIL FROM:<a@b>\r\nHELP\r\nEXPN all\r\nRCPT TO:<c@d>\r\nEHLO x\r\nrset \r\n"];
    let log = full(flights);
    assert_eq!(
        log,
        [
            "U: NOOP",
            "S: 250 2.0.0 noop",
            "U: RSET",
            "S: 250 2.0.0 reset",
            "S: 252 2.5.0 Send some mail and see",
            "U: MAIL FROM:<a@b>",
            "S: 250 2.0.0 ok",
            "S: 214 2.0.0 See RFC 5321",
            "S: 502 5.5.1 EXPN is not offered",
            "U: RCPT TO:<c@d>",
            "S: 250 2.0.0 ok",
            "U: RSET",
            "S: 250-mail.example",
            "S: 250-PIPELINING",
            "S: 250-SIZE 1000",
            "S: 250-8BITMIME",
            "S: 250-SMTPUTF8",
            "S: 250 DSN",
            "U: rset",
            "S: 250 2.0.0 reset",
        ]
    );
    assert_eq!(with(0, &[b"EHLO x\r\n"])[1..], ["S: 250-PIPELINING", "S: 250 SIZE 1000"]);
}

#[test]
fn nested_mail_waits_for_what_decides_it() {
    assert_eq!(
        full(&[b"MAIL FROM:<refused@b>\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<c@d>\r\nRCPT TO:<e@f>\r\n"]),
        [
            "U: MAIL FROM:<refused@b>",
            "S: 550-5.7.60 no",
            "S: 550 5.7.60 way",
            "U: MAIL FROM:<a@b>",
            "S: 250 2.0.0 ok",
            "S: 503 5.5.1 Nested MAIL; finish the message or send RSET",
            "U: RCPT TO:<e@f>",
            "S: 250 2.0.0 ok",
        ]
    );
}

/// The rest of the group must not hear 503: some clients go by the last reply.
#[test]
fn a_mail_that_goes_no_further_takes_its_rcpt_and_data_along() {
    let refusal = "S: 552 5.3.4 Message too large; the limit is 1000 octets";
    let log = full(&[b"RSET\r\nMAIL FROM:<a@b> SIZE=1001\r\nRCPT TO:<c@d>\r\nDATA\r\n", b"RSET\r\nRCPT TO:<c@d>\r\n"]);
    let expected = [
        "U: RSET",
        "S: 250 2.0.0 reset",
        refusal,
        refusal,
        refusal,
        "U: RSET | RCPT TO:<c@d>",
        "S: 250 2.0.0 reset",
        "S: 250 2.0.0 ok",
    ];
    assert_eq!(log, expected);
}

#[test]
fn a_message_that_did_not_wait_for_354_is_no_list_of_commands() {
    let refusing = |line: &str| if line.starts_with("DATA") { "452 4.3.1 no room\r\n" } else { upstream(line) };
    let group: &[u8] = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nMAIL FROM:<evil@b>\r\n.\r\n";
    let log = play(FULL, &refusing, &whole(&[group]));
    assert_eq!(log.last().unwrap(), "IMPATIENT");
    assert_eq!(log[log.len() - 2], "S: 452 4.3.1 no room");
    let log = full(&[b"MAIL FROM:<a@b> SIZE=x\r\nDATA\r\nMAIL FROM:<evil@b>\r\n.\r\n"]);
    assert_eq!(log.last().unwrap(), "CLOSE sent a message without waiting for 354");
    assert!(!log.iter().any(|line| line.starts_with("U: ")));
}

/// RFC 2920, 3.1: the client has been told 354 and sends a single dot.
#[test]
fn a_body_without_recipients_is_relayed_as_the_upstream_wants_it() {
    let log = full(&[b"MAIL FROM:<a@b>\r\nRCPT TO:<refused@d>\r\nDATA\r\n", b".\r\n"]);
    assert_eq!(log[3..], ["S: 354 go", "BODY from <a@b> to 0", "U: body ", "S: 250 taken"]);
}

#[test]
fn a_reply_that_no_server_gives_to_a_command_is_not_handed_on() {
    for (command, reply) in [
        ("DATA", "250 2.0.0 queued\r\n"),
        ("MAIL", "354 go\r\n"),
        ("RCPT", "334 \r\n"),
        ("RSET", "100 x\r\n"),
        ("NOOP", "999 x\r\n"),
    ] {
        let odd = |line: &str| if line.starts_with(command) { reply } else { upstream(line) };
        let log = play(FULL, &odd, &whole(&[b"NOOP\r\nRSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"]));
        assert_eq!(log.last().unwrap(), "NONSENSE", "{command}");
        assert!(!log.iter().any(|line| line.contains(reply.trim_end())), "{command}");
    }
}

/// What came upstream of one command line, or what its client heard.
fn one(flags: u32, line: &str) -> String {
    let prefix: &[u8] = if line[..4].eq_ignore_ascii_case("RCPT") { b"MAIL FROM:<a@b>\r\n" } else { b"" };
    let log = with(flags, &[prefix, format!("{line}\r\n").as_bytes()]);
    log[if prefix.is_empty() { 0 } else { 2 }].clone()
}

#[test]
fn parameters_are_judged_by_what_the_upstream_has() {
    let none = 0;
    for (flags, line, outcome) in [
        (FULL, "MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By", "="),
        (FULL, "RCPT TO:<a@b> NOTIFY=NEVER ORCPT=rfc822;a@b", "="),
        (FULL, "MAIL FROM:<a@b> X-OWN=1 mt-priority=3", "="),
        (none, "MAIL FROM:<a@b> X-OWN=1", "="),
        (none, "MAIL FROM:<a@b> BODY=8BITMIME", "S: 554 5.6.3 "),
        (none, "MAIL FROM:<a@b> BODY=7bit SIZE=10", "U: MAIL FROM:<a@b>"),
        (none, "MAIL FROM:<a@b> smtputf8", "S: 550 5.6.7 "),
        (none, "MAIL FROM:<a@b> RET=FULL", "S: 555 5.5.4 "),
        (none, "MAIL FROM:<a@b> ENVID=x", "S: 555 5.5.4 "),
        (none, "RCPT TO:<a@b> NOTIFY=NEVER", "S: 555 5.5.4 "),
        (none, "RCPT TO:<a@b> orcpt=rfc822;a@b", "S: 555 5.5.4 "),
        (FULL, "MAIL FROM:<a@b> BODY=BINARYMIME", "S: 554 5.6.3 "),
        (FULL, "MAIL FROM:<a@b> BODY=", "S: 501 5.5.4 "),
        (FULL, "MAIL FROM:<a@b> SIZE=1001", "S: 552 5.3.4 Message too large; the limit is 1000 octets"),
        (FULL, "MAIL FROM:<a@b> SIZE=99999999999999999999", "S: 552 5.3.4 "),
        (FULL, "MAIL FROM:<a@b> SIZE=999999999999999999999", "S: 501 5.5.4 "),
        (FULL, "MAIL FROM:<a@b> SIZE=10 SIZE=1001", "S: 552 5.3.4 "),
        (FULL, "MAIL FROM:<a@b> SIZE", "S: 501 5.5.4 "),
        (FULL, "MAIL FROM:<a@b> SIZE=-1", "S: 501 5.5.4 "),
    ] {
        let outcome = if outcome == "=" { format!("U: {line}") } else { outcome.into() };
        assert!(one(flags, line).starts_with(&outcome), "{line}: {}", one(flags, line));
    }
}

/// RFC 4954, 5: Gatepost does not vouch for what its clients say of others.
#[test]
fn auth_of_mail_is_checked_and_replaced() {
    for (value, outcome) in [
        ("AUTH=<>", "U: MAIL FROM:<a@b> AUTH=<> SIZE=1"),
        ("auth=e+3Dmc2@example.com", "U: MAIL FROM:<a@b> AUTH=<> SIZE=1"),
        ("AUTH=a+3", "S: 501 5.5.4 "),
        ("AUTH=a=b", "S: 501 5.5.4 "),
        ("AUTH=", "S: 501 5.5.4 "),
        ("AUTH", "S: 501 5.5.4 "),
        ("AUTH=+GG", "S: 501 5.5.4 "),
        ("AUTH=\u{e9}", "S: 501 5.5.4 "),
    ] {
        assert!(one(FULL, &format!("MAIL FROM:<a@b> {value} SIZE=1")).starts_with(outcome), "{value}");
    }
}

#[test]
fn ups_cards_cisco_eem_and_crystal_reports_send_odd_lines_that_exchange_refuses() {
    for (line, regular) in [
        // UPS and BMC cards.
        ("MAIL FROM: <ups@example.com>", "MAIL FROM:<ups@example.com>"),
        ("RCPT TO: <ops@example.com>", "RCPT TO:<ops@example.com>"),
        ("mail from: <bmc@example.com> ", "mail from:<bmc@example.com>"),
        // Cisco IOS EEM.
        ("MAIL FROM:router@example.com", "MAIL FROM:<router@example.com>"),
        ("RCPT TO:noc@example.com", "RCPT TO:<noc@example.com>"),
        // Crystal Reports.
        ("MAIL FROM:  reports@example.com  SIZE=10", "MAIL FROM:<reports@example.com> SIZE=10"),
        ("MAIL\tFROM :\t<a@b>\t SIZE=10  BODY=7BIT\t", "MAIL FROM:<a@b> SIZE=10 BODY=7BIT"),
        ("MAIL  FROM:< a@b >", "MAIL FROM:<a@b>"),
        ("MAIL FROM: <>", "MAIL FROM:<>"),
        (r#"RCPT TO: <"a b>\" c"@d> "#, r#"RCPT TO:<"a b>\" c"@d>"#),
        (r#"RCPT TO:"a b"@d"#, r#"RCPT TO:<"a b"@d>"#),
        // These are regular.
        ("MAIL FROM:<a@b>", "MAIL FROM:<a@b>"),
        ("Mail From:<@x,@y:a@b> Size=10", "Mail From:<@x,@y:a@b> Size=10"),
        ("RCPT TO:<postmaster>", "RCPT TO:<postmaster>"),
        ("RCPT TO:<j\u{f6}rg@example.com>", "RCPT TO:<j\u{f6}rg@example.com>"),
    ] {
        assert_eq!(one(FULL, line), format!("U: {regular}"), "{line}");
    }
}

#[test]
fn what_two_servers_might_read_differently_goes_no_further() {
    for line in [
        "MAIL",
        "MAIL FROM",
        "MAIL FROM:",
        "MAIL FROM: ",
        "MAIL TO:<a@b>",
        "MAIL FROM:<a@b",
        "MAIL FROM:a@b>",
        "MAIL FROM:<a@b>SIZE=1",
        "MAIL FROM:<a@b> <c@d>",
        "MAIL FROM:<a b@c>",
        "MAIL FROM:<<a@b>>",
        "MAIL FROM:Some One <a@b>",
        r"MAIL FROM:<a\>b@c>",
        r#"MAIL FROM:<"a@b>"#,
        "MAIL FROM:<a\x08@b>",
        "MAIL FROM:<a@b> =x",
    ] {
        assert!(one(FULL, line).starts_with("S: 501 5.1.7 "), "{line}: {}", one(FULL, line));
    }
    assert!(one(FULL, "RCPT TO:").starts_with("S: 501 5.1.3 "));
}

const ODD: &[&[u8]] = &[
    b"EHLO x\r\nMAIL FROM: <refused@b>\r\nRCPT TO:<c@d>\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<x@y>\r\nNO\rOP\r\nRCPT TO:<refused@d>\r\nHELO x\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b".\r\nMAIL FROM:<a@b> SIZE=9999\r\nVRFY\r\nRCPT TO:<c@d>\r\nNOOP\r\nDATA\r\n",
    b"NOOP\r\nRSET\r\nMAIL FROM:<a@b>\r\nHELP\r\nRCPT TO:<c@d>\r\nx\r\nDATA\r\n",
    b"text\r\n..\r\n.\r\nRSET\r\nQUIT\r\n",
];

proptest! {
    /// Law 10: the client hears the same, and the upstream the same commands, however they are grouped.
    #[test]
    fn any_split_of_a_conversation_is_the_same(groups in splits(GROUPS), odd in splits(ODD), pipelining in any::<bool>()) {
        let flags = if pipelining { FULL } else { FULL & !EXT_PIPELINING };
        let heard = |log: &[String]| log.iter().filter(|line| !line.starts_with("U: ")).cloned().collect::<Vec<_>>();
        let told = |log: &[String]| {
            let groups = log.iter().filter_map(|line| line.strip_prefix("U: "));
            groups.flat_map(|group| group.split(" | ").map(str::to_owned)).collect::<Vec<_>>()
        };
        for (flights, split) in [(GROUPS, groups), (ODD, odd)] {
            let (split, whole) = (play(flags, &upstream, &split), full(flights));
            prop_assert_eq!(heard(&split), heard(&whole));
            prop_assert_eq!(told(&split), told(&whole));
        }
    }

    /// Law 5: a regular line goes on as received.
    #[test]
    fn regular_lines_are_not_touched(verb in "[mM][aA][iI][lL]", keyword in "[fF][rR][oO][mM]", local in "[a-z0-9.+_-]{1,20}|\"[a-z @<>]{1,9}\"", rest in "( (X-[A-Z]{1,8}(=[!-<>-~]{1,20})?|BODY=8bitmime|SIZE=[0-9]{1,3})){0,4}") {
        let line = format!("{verb} {keyword}:<{local}@example.com>{rest}");
        prop_assert_eq!(one(FULL, &line), format!("U: {line}"));
    }

    #[test]
    fn no_bytes_make_a_conversation_panic(bytes in "((MAIL|RCPT|DATA|RSET|EHLO|FROM|TO|:|<|>|@|\"|\\\\| |\t|SIZE=|AUTH=|BODY=|a|\\+|1|\r\n){0,60}\r\n){0,4}") {
        let _ = full(&[bytes.as_bytes()]);
    }
}
