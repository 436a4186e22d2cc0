//! As much of IMAP as it takes to read mail.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;

use crate::sasl;
use crate::state::State;
use crate::wire::Wire;

const BEFORE: &str =
    "IMAP4 IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER LOGINDISABLED SASL-IR UIDPLUS ID IDLE NAMESPACE LITERAL+";
const AFTER: &str =
    "IMAP4 IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER SASL-IR UIDPLUS MOVE ID IDLE NAMESPACE LITERAL+ CLIENTACCESSRULES";

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>, starttls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    wire.send("* OK The Microsoft Exchange IMAP4 service is ready. [QgBOADkA]\r\n").await?;
    let mut encrypted = starttls.is_none();
    let mut user = None;
    loop {
        let line = wire.line().await?;
        let mut words = line.split(' ');
        let (tag, verb) = (words.next().unwrap_or("*").to_owned(), words.next().unwrap_or_default().to_uppercase());
        let rest: Vec<&str> = words.collect();
        match (verb.as_str(), &user) {
            ("STARTTLS", None) if !encrypted => {
                let injected = state.lock().faults.after_starttls.unwrap_or_default();
                wire.send(format!("{tag} OK Begin TLS negotiation now.\r\n{injected}")).await?;
                wire = wire.starttls(starttls.clone().unwrap()).await?;
                encrypted = true;
            }
            ("CAPABILITY", _) => {
                let list = if user.is_some() { AFTER } else { BEFORE };
                wire.send(format!("* CAPABILITY {list}\r\n{tag} OK CAPABILITY completed.\r\n")).await?;
            }
            ("NOOP", _) => wire.send(format!("{tag} OK NOOP completed.\r\n")).await?,
            ("ID", _) => wire.send(format!("* ID NIL\r\n{tag} OK ID completed\r\n")).await?,
            ("LOGOUT", _) => {
                return wire.send(format!("* BYE Server logging out.\r\n{tag} OK LOGOUT completed.\r\n")).await;
            }
            ("LOGIN", None) => wire.send(format!("{tag} NO Basic authentication is disabled.\r\n")).await?,
            ("AUTHENTICATE", None) if encrypted => user = authenticate(&mut wire, &state, &tag, &rest).await?,
            ("SELECT" | "EXAMINE", Some(user)) => {
                let count = messages(&state, user).len();
                wire.send(format!("* {count} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 1] x\r\n{tag} OK [READ-WRITE] SELECT completed.\r\n")).await?;
            }
            ("SEARCH", Some(user)) => {
                let numbers: Vec<_> = (1..=messages(&state, user).len()).map(|number| format!(" {number}")).collect();
                let numbers = numbers.concat();
                wire.send(format!("* SEARCH{numbers}\r\n{tag} OK SEARCH completed.\r\n")).await?;
            }
            ("FETCH", Some(user)) => fetch(&mut wire, &state, user, &tag, &rest).await?,
            ("IDLE", Some(_)) => {
                wire.send("+ IDLE accepted, awaiting DONE command.\r\n").await?;
                while !wire.line().await?.eq_ignore_ascii_case("DONE") {}
                wire.send(format!("{tag} OK IDLE completed.\r\n")).await?;
            }
            _ => wire.send(format!("{tag} BAD Command received in Invalid state.\r\n")).await?,
        }
    }
}

fn messages(state: &State, user: &str) -> Vec<Vec<u8>> {
    let state = state.lock();
    let mail = state.mail.get(&user.to_lowercase());
    mail.into_iter().flatten().map(|mail| mail.content.clone()).collect()
}

async fn authenticate(wire: &mut Wire, state: &State, tag: &str, rest: &[&str]) -> io::Result<Option<String>> {
    let mechanism = rest.first().copied().unwrap_or_default().to_uppercase();
    let response = if let Some(response) = rest.get(1) {
        (*response).to_owned()
    } else {
        wire.send("+ \r\n").await?;
        wire.line().await?
    };
    if let Some((user, token)) = sasl::read(&mechanism, &response)
        && state.admit("imap", &user, &token)
    {
        wire.send(format!("{tag} OK AUTHENTICATE completed.\r\n")).await?;
        return Ok(Some(user));
    }
    wire.send(format!("+ {}\r\n", sasl::challenge())).await?;
    let answer = wire.line().await?;
    assert!(sasl::answers_challenge(&mechanism, &answer), "the challenge was answered by {answer:?}");
    wire.send(format!("{tag} NO AUTHENTICATE failed.\r\n")).await?;
    Ok(None)
}

async fn fetch(wire: &mut Wire, state: &State, user: &str, tag: &str, rest: &[&str]) -> io::Result<()> {
    let number: usize = rest.first().and_then(|number| number.parse().ok()).unwrap_or(0);
    if let Some(content) = messages(state, user).get(number.wrapping_sub(1)) {
        wire.send(format!("* {number} FETCH (BODY[] {{{}}}\r\n", content.len())).await?;
        wire.send(content).await?;
        wire.send(")\r\n").await?;
    }
    wire.send(format!("{tag} OK FETCH completed.\r\n")).await
}
