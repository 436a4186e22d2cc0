use std::io;

use super::{House, authenticate};
use crate::bench::talk::Talk;

const GREETING: &str =
    "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID IDLE STARTTLS AUTH=XOAUTH2] simulated server ready\r\n";
const CAPABILITY: &str = "* CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID IDLE STARTTLS AUTH=XOAUTH2\r\n";
const SELECTED: &str = "* 1 EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Deleted)\r\n* OK [UIDVALIDITY 1] kept\r\n\
    * OK [UIDNEXT 2] next\r\n";

pub(super) async fn serve(mut talk: Talk, house: &House) -> io::Result<()> {
    talk.say(GREETING).await?;
    loop {
        let line = talk.line().await?;
        let mut words = line.split(' ');
        let (tag, command) = (words.next().unwrap_or("*"), words.next().unwrap_or_default());
        match command.to_ascii_uppercase().as_str() {
            "STARTTLS" if talk.is_clear() => {
                talk.say(format!("{tag} OK begin\r\n")).await?;
                talk = talk.accept_tls(&house.tls).await?;
            }
            "AUTHENTICATE" if !talk.is_clear() => {
                let (yes, no) =
                    (format!("{tag} OK AUTHENTICATE completed.\r\n"), format!("{tag} NO AUTHENTICATE failed.\r\n"));
                authenticate(&mut talk, words.nth(1), "+", &yes, &no).await?;
            }
            "LOGIN" | "AUTHENTICATE" => talk.say(format!("{tag} NO [PRIVACYREQUIRED] not like this\r\n")).await?,
            "CAPABILITY" => talk.say(format!("{CAPABILITY}{tag} OK done\r\n")).await?,
            "SELECT" | "EXAMINE" => talk.say(format!("{SELECTED}{tag} OK [READ-WRITE] done\r\n")).await?,
            "IDLE" => {
                talk.say("+ idling\r\n").await?;
                talk.line().await?;
                talk.say(format!("{tag} OK done\r\n")).await?;
            }
            "FETCH" | "UID" => {
                talk.say(format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\n", house.message.len())).await?;
                talk.say(&house.message).await?;
                talk.say(format!(")\r\n{tag} OK done\r\n")).await?;
            }
            "LOGOUT" => {
                talk.say(format!("* BYE until then\r\n{tag} OK done\r\n")).await?;
                return talk.close().await;
            }
            _ => talk.say(format!("{tag} OK done\r\n")).await?,
        }
    }
}
