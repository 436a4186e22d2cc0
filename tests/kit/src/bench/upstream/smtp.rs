use std::io;

use super::{House, authenticate};
use crate::bench::talk::Talk;

const IN_CLEAR: &str =
    "250-simulated.example\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 STARTTLS\r\n";
const UNDER_TLS: &str =
    "250-simulated.example\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 AUTH XOAUTH2\r\n";
const YES: &str = "235 2.7.0 in\r\n";
const NO: &str = "535 5.7.3 Authentication unsuccessful\r\n";

pub(super) async fn serve(mut talk: Talk, house: &House) -> io::Result<()> {
    talk.say("220 simulated.example ESMTP\r\n").await?;
    loop {
        let line = talk.line().await?;
        let mut words = line.split(' ');
        match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => talk.say(if talk.is_clear() { IN_CLEAR } else { UNDER_TLS }).await?,
            "STARTTLS" if talk.is_clear() => {
                talk.say("220 2.0.0 begin\r\n").await?;
                talk = talk.accept_tls(&house.tls).await?;
            }
            "AUTH" if !talk.is_clear() => authenticate(&mut talk, words.nth(1), "334", YES, NO).await?,
            "DATA" => {
                talk.say("354 go ahead\r\n").await?;
                talk.skip_until(b"\r\n.\r\n").await?;
                talk.say("250 2.0.0 taken\r\n").await?;
            }
            "QUIT" => {
                talk.say("221 2.0.0 until then\r\n").await?;
                return talk.close().await;
            }
            "AUTH" => talk.say("530 5.7.0 STARTTLS first\r\n").await?,
            _ => talk.say("250 2.0.0 fine\r\n").await?,
        }
    }
}
