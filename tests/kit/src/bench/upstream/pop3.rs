use std::io;

use super::{House, authenticate};
use crate::bench::talk::Talk;

const YES: &str = "+OK in\r\n";
const NO: &str = "-ERR Authentication failure: unknown user name or bad password.\r\n";

pub(super) async fn serve(mut talk: Talk, house: &House) -> io::Result<()> {
    let octets = house.message.len();
    talk.say("+OK simulated server ready\r\n").await?;
    loop {
        let line = talk.line().await?;
        let mut words = line.split(' ');
        match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "STLS" if talk.is_clear() => {
                talk.say("+OK begin\r\n").await?;
                talk = talk.accept_tls(&house.tls).await?;
            }
            "AUTH" if !talk.is_clear() => authenticate(&mut talk, words.nth(1), "+", YES, NO).await?,
            "USER" | "PASS" | "AUTH" => talk.say("-ERR not like this\r\n").await?,
            "CAPA" => talk.say("+OK\r\nTOP\r\nUIDL\r\nSTLS\r\nPIPELINING\r\nSASL XOAUTH2\r\n.\r\n").await?,
            "STAT" => talk.say(format!("+OK 1 {octets}\r\n")).await?,
            "LIST" => talk.say(format!("+OK\r\n1 {octets}\r\n.\r\n")).await?,
            "UIDL" => talk.say("+OK\r\n1 one\r\n.\r\n").await?,
            "RETR" => {
                talk.say(format!("+OK {octets} octets\r\n")).await?;
                talk.say(&house.message).await?;
                talk.say(".\r\n").await?;
            }
            "QUIT" => {
                talk.say("+OK until then\r\n").await?;
                return talk.close().await;
            }
            _ => talk.say("+OK\r\n").await?,
        }
    }
}
