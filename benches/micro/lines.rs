//! Cutting lines, and reading commands and replies.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use gatepost::proto::smtp::{Conversation, Extensions, Replied, Reply, Turn};
use gatepost::proto::{Input, Line};

/// A line of a mail program, so many times.
const LINE: &[u8] = b"RCPT TO:<somebody.with.a.name@department.example.com> NOTIFY=FAILURE,DELAY\r\n";

fn full(line: &[u8], times: usize) -> Input {
    let mut input = Input::new();
    input.push(&line.repeat(times));
    input
}

#[divan::bench]
fn cut(bencher: Bencher) {
    const TIMES: usize = 1000;
    bencher.counter(BytesCount::new(LINE.len() * TIMES)).with_inputs(|| full(LINE, TIMES)).bench_refs(|input| {
        while let Line::Whole(line) = input.line(2048) {
            black_box(line);
        }
    });
}

#[divan::bench]
fn smtp_reply(bencher: Bencher) {
    const REPLY: &[u8] =
        b"250-smtp.example.com Hello\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-DSN\r\n250 SMTPUTF8\r\n";
    bencher.counter(ItemsCount::new(1_usize)).with_inputs(|| full(REPLY, 1)).bench_refs(read);
}

fn read(input: &mut Input) -> Reply {
    Reply::read(input).unwrap().unwrap()
}

/// MAIL, ten RCPT, one after the other, each answered.
#[divan::bench]
fn smtp_conversation(bencher: Bencher) {
    const COMMANDS: usize = 11;
    let group = [b"MAIL FROM:<support@example.com> SIZE=2048\r\n".to_vec(), LINE.repeat(COMMANDS - 1)].concat();
    let told = read(&mut full(b"250-x\r\n250-PIPELINING\r\n250-SIZE\r\n250 DSN\r\n", 1));
    let yes = read(&mut full(b"250 2.1.5 OK\r\n", 1));
    bencher
        .counter(ItemsCount::new(COMMANDS))
        .with_inputs(|| (Conversation::new("mail.example".into(), Extensions::of(&told), 50_000_000), full(&group, 1)))
        .bench_values(|(mut conversation, mut input)| {
            loop {
                match conversation.advance(&mut input) {
                    Turn::Read => break settle(&mut conversation, &yes),
                    Turn::Settle => _ = settle(&mut conversation, &yes),
                    Turn::Forward(line, command) => {
                        black_box(line);
                        conversation.forwarded(command);
                    }
                    other => panic!("{other:?}"),
                }
            }
        });
}

fn settle(conversation: &mut Conversation, yes: &Reply) -> usize {
    let mut answered = 0;
    while let Some(command) = conversation.due() {
        match conversation.replied(command, yes, false) {
            Replied::Answer(answer) => answered += answer.as_bytes().len(),
            other => panic!("{other:?}"),
        }
    }
    answered
}
