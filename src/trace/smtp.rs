use super::lines::{Cut, Lines};
use super::step::{Open, Step};
use super::tap::{Stage, Steps, word};
use super::words::{MECHANISMS, PARAMETERS, SMTP, Shows, command, known};

/// Hears commands and replies. Bodies are not given to it: Gatepost knows where they begin and end.
#[derive(Debug)]
pub(super) struct Smtp {
    stage: Stage,
    from_client: Lines,
    from_server: Lines,
    /// What the client says belongs to a login.
    login: bool,
}

impl Smtp {
    pub(super) fn new(stage: Stage) -> Self {
        Self { stage, from_client: Lines::default(), from_server: Lines::default(), login: false }
    }

    pub(super) fn client(&mut self, bytes: &[u8], steps: &mut Steps) {
        let Self { stage, from_client, login, .. } = self;
        from_client.feed(bytes, |cut| {
            if let Cut::Line(line, length, _) = cut {
                steps.push(said(*stage, login, line, length));
            }
            0
        });
    }

    pub(super) fn server(&mut self, bytes: &[u8], steps: &mut Steps) {
        let Self { stage, from_server, login, .. } = self;
        from_server.feed(bytes, |cut| {
            if let Cut::Line(line, length, _) = cut {
                steps.push(replied(*stage, login, line, length));
            }
            0
        });
    }
}

fn said(stage: Stage, login: &mut bool, line: &[u8], length: u64) -> Step {
    if *login {
        return Step::empty().hidden_as(length, "a login");
    }
    let (verb, rest) = word(line);
    let Some((name, shows)) = command(SMTP, verb) else { return Step::empty().hidden(length) };
    let step = Step::word(name);
    match shows {
        _ if !stage.arguments() => step,
        Shows::Machine => step.open(&Open::machine(rest)),
        Shows::Mechanism => {
            *login = true;
            mechanism(step, rest)
        }
        Shows::Path => path(step, rest),
        Shows::Numbers => step.numbers(word(rest).0),
        _ => step.hidden(rest.len() as u64),
    }
}

/// The mechanism, and how much is said with it.
pub(super) fn mechanism(step: Step, rest: &[u8]) -> Step {
    let (name, initial) = word(rest);
    match known(MECHANISMS, name) {
        Some(name) => step.and(name).hidden(initial.len() as u64),
        None => step.hidden(rest.len() as u64),
    }
}

/// `FROM:<a@example.com> SIZE=3 …`
fn path(step: Step, rest: &[u8]) -> Step {
    let Some(colon) = memchr::memchr(b':', rest) else { return step.hidden(rest.len() as u64) };
    let Some(preposition) = known(&["FROM", "TO"], rest[..colon].trim_ascii()) else {
        return step.hidden(rest.len() as u64);
    };
    let rest = rest[colon + 1..].trim_ascii_start();
    let end =
        if rest.starts_with(b"<") { memchr::memchr(b'>', rest).map(|end| end + 1) } else { memchr::memchr(b' ', rest) };
    let (path, parameters) = rest.split_at(end.unwrap_or(rest.len()));
    let step = step.and(preposition).open(&Open::path(path));
    parameters.split(|&octet| octet == b' ').filter(|parameter| !parameter.is_empty()).fold(step, |step, parameter| {
        let (key, value) = match memchr::memchr(b'=', parameter) {
            Some(equals) => (&parameter[..equals], &parameter[equals + 1..]),
            None => (parameter, &b""[..]),
        };
        match known(PARAMETERS, key) {
            Some("SIZE") => step.and("SIZE").numbers(value),
            Some(key) => step.and(key).hidden(value.len() as u64),
            None => step.hidden(parameter.len() as u64),
        }
    })
}

fn replied(stage: Stage, login: &mut bool, line: &[u8], length: u64) -> Step {
    let code = line.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit));
    let Some(code) = code else { return Step::empty().hidden(length) };
    let text = line.get(4..).unwrap_or_default();
    let step = Step::empty().numbers(code);
    if code == b"334" {
        return step.hidden_as(text.len() as u64, "a login");
    }
    let of_login = std::mem::take(login);
    if !stage.arguments() {
        return step;
    }
    // A server may hand back what it did not like.
    let harmless = matches!(code, b"220" | b"221" | b"250") && !of_login;
    if stage.texts() || harmless {
        return step.open(&Open::reply(text));
    }
    let (status, rest) = word(text);
    let is_status = status.len() <= 9 && status.iter().all(|octet| octet.is_ascii_digit() || *octet == b'.');
    if is_status && !status.is_empty() {
        step.numbers(status).hidden(rest.len() as u64)
    } else {
        step.hidden(text.len() as u64)
    }
}
