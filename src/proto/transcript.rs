//! Plays transcripts against login cores, for their tests: every byte that goes in and every step that comes out, as text.
//!
//! A transcript is a list of *flights*: what a peer sends before it must have heard an answer. A flight may be split
//! anywhere (law 10); [`splits`] proves it.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

/// How the driver of a played login answers [`DownstreamStep::Login`].
pub(crate) type Verdict<'a, R> = &'a dyn Fn(&Credentials) -> Result<R, LoginFailure>;

/// What [`DownstreamStep::Anonymous`] is to a [`Verdict`]: a login of nobody, whose password is the command.
fn nobody(command: &[u8]) -> Credentials {
    Credentials { user: String::new(), password: String::from_utf8_lossy(command).into_owned().into() }
}

/// Plays client flights against a downstream core and returns what it said, a line each: `S: …` for bytes sent (one per
/// line of text, CRLF dropped), `LOGIN user password`, `ANONYMOUS command`, `TLS`, `CLOSE`, `ACCEPTED`, and `LEFT …` for read-ahead after it.
pub(crate) fn play_downstream<D: DownstreamLogin>(
    core: D,
    flights: &[Vec<Vec<u8>>],
    verdict: Verdict<D::Ready>,
) -> Vec<String> {
    let mut log = sent(&core.greet());
    let mut input = Input::new();
    let mut core = Some(core);
    for chunk in flights.iter().flatten() {
        input.push(chunk);
        while let Some(current) = core.take() {
            let (next, step) = current.advance(&mut input);
            match step {
                DownstreamStep::Read => {
                    core = Some(next);
                    break;
                }
                DownstreamStep::Write(output) => {
                    log.extend(sent(&output));
                    core = Some(next);
                }
                DownstreamStep::StartTls(output) => {
                    log.extend(sent(&output));
                    log.push("TLS".into());
                    core = Some(next.tls_established());
                }
                DownstreamStep::Close(output, violation) => {
                    log.extend(sent(&output));
                    log.push(violation.map_or("CLOSE".into(), |v| format!("CLOSE {v}")));
                }
                DownstreamStep::Anonymous(command) => {
                    log.push(format!("ANONYMOUS {}", String::from_utf8_lossy(command.trim_ascii_end())));
                    match verdict(&nobody(&command)) {
                        Ok(ready) => {
                            input.put_back(&command);
                            log.extend(sent(&next.accept(&ready)));
                            log.push("ACCEPTED".into());
                        }
                        Err(failure) => {
                            let (next, output) = next.reject(&failure);
                            log.extend(sent(&output));
                            core = Some(next);
                        }
                    }
                }
                DownstreamStep::Login(credentials) => {
                    log.push(format!("LOGIN {} {}", credentials.user, credentials.password.expose_secret()));
                    match verdict(&credentials) {
                        Ok(ready) => {
                            log.extend(sent(&next.accept(&ready)));
                            log.push("ACCEPTED".into());
                        }
                        Err(failure) => {
                            let (next, output) = next.reject(&failure);
                            log.extend(sent(&output));
                            core = Some(next);
                        }
                    }
                }
            }
        }
    }
    if core.is_none() && log.last().is_some_and(|l| l == "ACCEPTED") && !input.is_empty() {
        log.push(format!("LEFT {}", String::from_utf8_lossy(input.rest())));
    }
    log
}

/// Plays server flights against an upstream core: `C: …` for what it sends, `TLS`, `DONE`, `FAILED reason`, `LEFT …`.
pub(crate) fn play_upstream<U: UpstreamLogin>(
    core: U,
    flights: &[Vec<Vec<u8>>],
    done: &dyn Fn(&U::Ready) -> String,
) -> Vec<String> {
    let mut log = Vec::new();
    let mut input = Input::new();
    let mut core = Some(core);
    for chunk in flights.iter().flatten() {
        input.push(chunk);
        while let Some(current) = core.take() {
            let (next, step) = current.advance(&mut input);
            match step {
                UpstreamStep::Read => {
                    core = Some(next);
                    break;
                }
                UpstreamStep::Write(output) => {
                    log.extend(sent(&output).into_iter().map(|line| line.replacen("S:", "C:", 1)));
                    core = Some(next);
                }
                UpstreamStep::StartTls => {
                    log.push("TLS".into());
                    core = Some(next.tls_established());
                }
                UpstreamStep::Opened => core = Some(next),
                UpstreamStep::Done(ready) => log.push(format!("DONE {}", done(&ready))),
                UpstreamStep::Failed(failure) => log.push(format!("FAILED {failure}")),
            }
        }
    }
    if log.last().is_some_and(|l| l.starts_with("DONE")) && !input.is_empty() {
        log.push(format!("LEFT {}", String::from_utf8_lossy(input.rest())));
    }
    log
}

/// Flights that arrive each in one piece.
pub(crate) fn whole(flights: &[&[u8]]) -> Vec<Vec<Vec<u8>>> {
    flights.iter().map(|flight| vec![flight.to_vec()]).collect()
}

/// A strategy that splits each flight at random places; the empty set of places and all of them are likely.
pub(crate) fn splits(flights: &[&[u8]]) -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> + use<> {
    let flights: Vec<Vec<u8>> = flights.iter().map(|flight| flight.to_vec()).collect();
    let total = flights.iter().map(Vec::len).sum::<usize>();
    let cuts = prop_oneof![Just(vec![true; total]), proptest::collection::vec(any::<bool>(), total)];
    cuts.prop_map(move |cuts| {
        let mut cuts = cuts.into_iter();
        flights.iter().map(|flight| split(flight, &mut cuts)).collect()
    })
}

fn split(flight: &[u8], cuts: &mut impl Iterator<Item = bool>) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    for &byte in flight {
        if cuts.next().unwrap_or(false) {
            pieces.push(Vec::new());
        }
        pieces.last_mut().unwrap().push(byte);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn sent(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(output.as_bytes()).into_owned();
    text.split_inclusive("\r\n").map(|line| format!("S: {}", line.trim_end_matches("\r\n"))).collect()
}

/// The flights of a client that ends its lines in bare LF, all in one piece each.
pub(crate) fn in_bare_lf(flights: &[&[u8]]) -> Vec<Vec<Vec<u8>>> {
    let bare = |flight: &&[u8]| String::from_utf8_lossy(flight).replace("\r\n", "\n").into_bytes();
    flights.iter().map(|flight| vec![bare(flight)]).collect()
}

/// What was done, whatever is left of the input.
pub(crate) fn done(log: Vec<String>) -> Vec<String> {
    log.into_iter().filter(|line| !line.starts_with("LEFT")).collect()
}
