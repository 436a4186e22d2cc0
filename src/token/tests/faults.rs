//! How token endpoints, and what stands before them, misbehave: as data. What has to come of it is played in `ordeal`.

use std::time::Duration;

use super::endpoint::{Conduct, FOR_EVER};

/// One way to misbehave.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) comes: Comes,
    pub(super) deed: Deed,
}

/// What has to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comes {
    /// A token, and the refresh token that the answer brings, if it brings one.
    Token,
    /// It is tried again by itself.
    Transient,
    /// An administrator has to mend something.
    Configuration,
    /// The grant has ended.
    Ended,
}

#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Nobody listens.
    Refused,
    /// The endpoint does this. Of the answer, [`ROTATED`], [`SENT`] and [`ELSEWHERE`] are filled in.
    Does(Conduct),
}

/// Stands where a rotating provider puts its new refresh token.
pub(super) const ROTATED: &str = "@ROTATED@";
/// Stands where an endpoint quotes what it was sent: the refresh token and the client's secret.
pub(super) const SENT: &str = "@SENT@";
/// Stands for another address, where no secret may go.
pub(super) const ELSEWHERE: &str = "@ELSEWHERE@";
/// What looks like a token, of someone else.
pub(super) const FOREIGN: [&str; 2] =
    ["eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzdXBwb3J0In0.c2lnbmF0dXJl", "M.C507_BAY.0.U.-CkTaVlqhTYRnL0oWPQFb9zVqKsXp"];

use Comes::{Configuration, Ended, Token, Transient};

pub(super) fn all() -> Vec<Fault> {
    [line(), pages(), statuses(), words(), microsoft(), google(), odd_answers()].concat()
}

fn fault(name: &'static str, comes: Comes, answer: impl Into<Vec<u8>>) -> Fault {
    Fault { name, comes, deed: Deed::Does(Conduct { answer: answer.into(), ..Conduct::default() }) }
}

fn does(name: &'static str, comes: Comes, conduct: Conduct) -> Fault {
    Fault { name, comes, deed: Deed::Does(conduct) }
}

/// An answer as a server would write it. The length comes later, with what is filled in.
fn http(status: u16, head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{head}Content-Length: @LENGTH@\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

const JSON: &str = "Content-Type: application/json\r\n";

fn json(status: u16, body: &str) -> Vec<u8> {
    http(status, JSON, body)
}

const GOOD: &str = r#"{@ROTATED@"access_token":"good","token_type":"Bearer","expires_in":3600}"#;

/// The head of an answer that is shorter than it says.
const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n";

/// What happens to a connection.
fn line() -> Vec<Fault> {
    let before = |answer: &str| answer.as_bytes().to_vec();
    let hang = |answer: Vec<u8>| Conduct { answer, after: FOR_EVER, ..Conduct::default() };
    vec![
        Fault { name: "nobody listens", comes: Transient, deed: Deed::Refused },
        does("closes unread", Transient, Conduct { unread: true, ..Conduct::default() }),
        fault("closes without a word", Transient, ""),
        fault("closes in the status line", Transient, "HTTP/1."),
        fault("closes in the head", Transient, "HTTP/1.1 200 OK\r\nContent-Ty"),
        fault("closes after the head", Transient, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        fault("closes in the body", Transient, format!("{SHORT}{}", &GOOD[..GOOD.len() - 9])),
        fault("closes behind the object", Token, format!("{SHORT}{GOOD}")),
        does(
            "hangs behind the object",
            Token,
            Conduct { answer: format!("{SHORT}{GOOD}").into(), after: FOR_EVER, ..Conduct::default() },
        ),
        fault("closes in a chunk", Transient, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"access_"),
        does("hangs", Transient, Conduct { before: FOR_EVER, ..Conduct::default() }),
        does("hangs in the head", Transient, hang(before("HTTP/1.1 200 OK\r\nContent-Ty"))),
        does("hangs in the body", Transient, hang(before("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"access_"))),
        does(
            "slow",
            Token,
            Conduct { answer: json(200, GOOD), before: Duration::from_millis(100), ..Conduct::default() },
        ),
        does("octet by octet", Token, Conduct { answer: json(200, GOOD), drip: true, ..Conduct::default() }),
        fault("not HTTP", Transient, "220 smtp.example.com ESMTP\r\n"),
        fault("binary", Transient, &b"\x15\x03\x01\x00\x02\x02\x28"[..]),
        fault("a lie about its length", Transient, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
        fault(
            "longer than the bound",
            Transient,
            [http(200, JSON, ""), vec![b' '; 200_000]].concat().replace_length(200_000),
        ),
        fault(
            "endless",
            Transient,
            [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".to_vec(), vec![b' '; 200_000]].concat(),
        ),
        fault("endless head", Transient, ["HTTP/1.1 200 OK\r\n", &"X-A: b\r\n".repeat(50_000)].concat()),
        fault("informed first", Token, [before("HTTP/1.1 103 Early Hints\r\n\r\n"), json(200, GOOD)].concat()),
    ]
}

/// What stands before an endpoint: proxies, portals, gateways.
fn pages() -> Vec<Fault> {
    const HTML: &str = "Content-Type: text/html\r\n";
    const PAGE: &str = "<!DOCTYPE html><title>Welcome to the hotel</title>";
    let page = |name, status| fault(name, Transient, http(status, HTML, PAGE));
    let away = |name, status, body: &str| {
        fault(name, Transient, http(status, &format!("Location: {ELSEWHERE}\r\n{JSON}"), body))
    };
    vec![
        page("a page with 200", 200),
        page("a page with 400", 400),
        page("a page with 403", 403),
        page("a page with 404", 404),
        page("a page with 407", 407),
        page("a page with 502", 502),
        page("a page with 503", 503),
        page("a portal that says so", 511),
        away("redirect 301", 301, ""),
        away("redirect 302", 302, ""),
        away("redirect 303", 303, ""),
        away("redirect 307", 307, ""),
        away("redirect 308", 308, ""),
        away("redirect with an error", 302, r#"{"error":"invalid_grant"}"#),
        away("redirect with a token", 307, r#"{"access_token":"elsewhere","refresh_token":"elsewhere"}"#),
    ]
}

/// Statuses without OAuth's words.
fn statuses() -> Vec<Fault> {
    let empty = |name, status| fault(name, Transient, http(status, "", ""));
    let throttled = |name, wish: &str| fault(name, Transient, http(429, &format!("Retry-After: {wish}\r\n"), ""));
    vec![
        empty("200 empty", 200),
        empty("204", 204),
        empty("400 empty", 400),
        empty("401 empty", 401),
        empty("403 empty", 403),
        empty("408", 408),
        empty("413", 413),
        empty("418", 418),
        empty("500", 500),
        empty("501", 501),
        empty("502", 502),
        empty("503", 503),
        empty("504", 504),
        empty("599", 599),
        throttled("429 for 7 s", "7"),
        throttled("429 until a date", "Wed, 21 Oct 2099 07:28:00 GMT"),
        throttled("429 until the past", "Wed, 21 Oct 2015 07:28:00 GMT"),
        throttled("429 for a century", "3153600000"),
        throttled("429 for longer than numbers go", "99999999999999999999999999"),
        throttled("429 for less than nothing", "-1"),
        throttled("429 in words", "soon, or later"),
        throttled("429 for nothing", ""),
        fault("503 with an hour", Transient, http(503, "Retry-After: 3600\r\n", "")),
    ]
}

/// OAuth's words (RFC 6749, 5.2; OpenID Connect Core, 3.1.2.6; RFC 8628, 3.5), with the right and the wrong status.
fn words() -> Vec<Fault> {
    let said = |name, comes, status, error: &str| {
        let body = format!(r#"{{"error":"{error}","error_description":"Try {SENT}"}}"#);
        fault(name, comes, json(status, &body))
    };
    vec![
        said("invalid_grant", Ended, 400, "invalid_grant"),
        said("invalid_grant, 401", Ended, 401, "invalid_grant"),
        said("invalid_grant, 403", Ended, 403, "invalid_grant"),
        said("interaction_required", Ended, 400, "interaction_required"),
        said("consent_required", Ended, 400, "consent_required"),
        said("login_required", Ended, 400, "login_required"),
        said("invalid_grant, 408", Transient, 408, "invalid_grant"),
        said("invalid_grant, 429", Transient, 429, "invalid_grant"),
        said("invalid_grant, 500", Transient, 500, "invalid_grant"),
        said("invalid_grant, 503", Transient, 503, "invalid_grant"),
        said("invalid_grant, 200", Configuration, 200, "invalid_grant"),
        said("Invalid_Grant", Configuration, 400, "Invalid_Grant"),
        said("temporarily_unavailable", Transient, 400, "temporarily_unavailable"),
        said("temporarily_unavailable, 503", Transient, 503, "temporarily_unavailable"),
        said("server_error", Transient, 400, "server_error"),
        said("server_error, 500", Transient, 500, "server_error"),
        said("server_error, 200", Transient, 200, "server_error"),
        said("slow_down", Transient, 400, "slow_down"),
        said("invalid_client", Configuration, 401, "invalid_client"),
        said("invalid_client, 400", Configuration, 400, "invalid_client"),
        said("invalid_client, 502", Transient, 502, "invalid_client"),
        said("unauthorized_client", Configuration, 400, "unauthorized_client"),
        said("unsupported_grant_type", Configuration, 400, "unsupported_grant_type"),
        said("invalid_scope", Configuration, 400, "invalid_scope"),
        said("invalid_request", Configuration, 400, "invalid_request"),
        said("access_denied", Configuration, 403, "access_denied"),
        said("a word nobody knows", Configuration, 400, "flux_capacitor"),
        said("what was sent, as a word", Configuration, 400, SENT),
        said("no word", Transient, 400, ""),
        fault("a number", Transient, json(400, r#"{"error":400}"#)),
        fault("a list", Transient, json(400, r#"["invalid_grant"]"#)),
        fault("a text", Transient, json(400, r#""invalid_grant""#)),
        fault("two words", Transient, json(400, r#"{"error":"invalid_grant","error":"server_error"}"#)),
        fault("one word twice", Ended, json(400, r#"{"error":"invalid_grant","error":"invalid_grant"}"#)),
        fault(
            "odd company",
            Ended,
            json(400, r#"{"error":"invalid_grant","error_codes":["1"],"trace_id":7,"x":1e999}"#),
        ),
        fault("a word behind a mark", Ended, json(400, "\u{feff}{\"error\":\"invalid_grant\"}")),
        fault("a word as a page", Ended, http(400, "Content-Type: text/html\r\n", r#"{"error":"invalid_grant"}"#)),
        fault("a word without a type", Ended, http(400, "", r#"{"error":"invalid_grant"}"#)),
        fault("half a word", Transient, json(400, r#"{"error":"invalid_gr"#)),
        fault(
            "controls in a description",
            Ended,
            json(
                400,
                &format!(
                    "{{\"error\":\"invalid_grant\",\"error_description\":\"a\\u0000\\u001b[31mb\\r\\n{SENT} \u{202e}x\nraw\"}}"
                ),
            ),
        ),
        fault(
            "tokens in a description",
            Configuration,
            json(
                400,
                &format!(
                    r#"{{"error":"invalid_request","error_description":"bad token={} ({}), {SENT}, {SENT}"}}"#,
                    FOREIGN[0], FOREIGN[1]
                ),
            ),
        ),
        fault(
            "a long description",
            Configuration,
            json(
                400,
                &format!(r#"{{"error":"invalid_request","error_description":"{}"}}"#, "so it goes ".repeat(3000)),
            ),
        ),
    ]
}

/// What Microsoft is known to write.
fn microsoft() -> Vec<Fault> {
    let said = |name, comes, status, error: &str, number: u32, text: &str| {
        let description = format!(
            "AADSTS{number}: {text} Trace ID: 3fe7c8a1-0b53-4b2e-9d0a-8a0f3ad34500 Correlation ID: 1a2b3c4d-0000-1111-2222-333344445555 Timestamp: 2025-11-03 07:12:33Z"
        );
        let body = serde_json::json!({
            "error": error, "error_description": description, "error_codes": [number], "timestamp": "2025-11-03 07:12:33Z",
            "trace_id": "3fe7c8a1-0b53-4b2e-9d0a-8a0f3ad34500", "correlation_id": "1a2b3c4d-0000-1111-2222-333344445555",
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        fault(name, comes, http(status, "Content-Type: application/json; charset=utf-8\r\n", &body.to_string()))
    };
    vec![
        said("AADSTS700082", Ended, 400, "invalid_grant", 700_082, "The refresh token has expired due to inactivity."),
        said(
            "AADSTS50173",
            Ended,
            400,
            "invalid_grant",
            50_173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        ),
        said(
            "AADSTS70043",
            Ended,
            400,
            "invalid_grant",
            70_043,
            "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
        ),
        said(
            "AADSTS50076",
            Ended,
            400,
            "interaction_required",
            50_076,
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication.",
        ),
        said(
            "AADSTS65001",
            Ended,
            400,
            "invalid_grant",
            65_001,
            "The user or administrator has not consented to use the application.",
        ),
        said(
            "AADSTS7000215",
            Configuration,
            401,
            "invalid_client",
            7_000_215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
        ),
        said(
            "AADSTS7000222",
            Configuration,
            401,
            "invalid_client",
            7_000_222,
            "The provided client secret keys for app are expired.",
        ),
        said(
            "AADSTS700016",
            Configuration,
            400,
            "unauthorized_client",
            700_016,
            "Application with identifier was not found in the directory.",
        ),
        said(
            "AADSTS70011",
            Configuration,
            400,
            "invalid_scope",
            70_011,
            "The provided request must include a 'scope' input parameter.",
        ),
        said(
            "AADSTS50196",
            Configuration,
            400,
            "invalid_request",
            50_196,
            "The server terminated an operation because it encountered a client request loop.",
        ),
        said(
            "AADSTS90033",
            Transient,
            503,
            "temporarily_unavailable",
            90_033,
            "A transient error has occurred. Please try again.",
        ),
        said("AADSTS50196 throttled", Transient, 429, "invalid_request", 50_196, "Loop detected."),
    ]
}

/// What Google is known to write.
fn google() -> Vec<Fault> {
    let said = |name, comes, status, body: &str| {
        fault(name, comes, http(status, "Content-Type: application/json; charset=utf-8\r\n", body))
    };
    vec![
        said(
            "revoked",
            Ended,
            400,
            "{\n  \"error\": \"invalid_grant\",\n  \"error_description\": \"Token has been expired or revoked.\"\n}",
        ),
        said("Bad Request", Ended, 400, r#"{"error":"invalid_grant","error_description":"Bad Request"}"#),
        said(
            "invalid_rapt",
            Ended,
            400,
            r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_uri":"https://support.google.com/a/answer/9368756","error_subtype":"invalid_rapt"}"#,
        ),
        said(
            "The OAuth client was not found.",
            Configuration,
            401,
            r#"{"error":"invalid_client","error_description":"The OAuth client was not found."}"#,
        ),
        said(
            "deleted_client",
            Configuration,
            401,
            r#"{"error":"deleted_client","error_description":"The OAuth client was deleted."}"#,
        ),
        said("admin_policy_enforced", Configuration, 400, r#"{"error":"admin_policy_enforced"}"#),
        said(
            "a rate limit of an API",
            Transient,
            403,
            r#"{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"reason":"rateLimitExceeded"}],"status":"RESOURCE_EXHAUSTED"}}"#,
        ),
        said("internal_failure", Transient, 500, r#"{"error":"internal_failure","error_description":"Backend Error"}"#),
    ]
}

/// Answers with a token in them, or nearly.
fn odd_answers() -> Vec<Fault> {
    let with =
        |name, member: &str| fault(name, Token, json(200, &format!(r#"{{{ROTATED}"access_token":"good",{member}}}"#)));
    let not = |name, body: &str| fault(name, Transient, json(200, body));
    let typed = |name, head: &str| fault(name, Token, http(200, head, GOOD));
    vec![
        with("life in a text", r#""expires_in":"3600""#),
        with("negative life", r#""expires_in":-1"#),
        with("no life", r#""expires_in":0"#),
        with("life with a fraction", r#""expires_in":3599.5"#),
        with("huge life", r#""expires_in":1e300"#),
        with("life beyond numbers", r#""expires_in":1e999"#),
        with("life of many digits", r#""expires_in":99999999999999999999999999999999"#),
        with("life null", r#""expires_in":null"#),
        with("life in words", r#""expires_in":"an hour""#),
        with("life in a list", r#""expires_in":[3600]"#),
        with("nothing of its life", r#""token_type":"Bearer""#),
        with("no type", r#""expires_in":3600"#),
        with("odd type", r#""token_type":"mac","expires_in":3600"#),
        with("type null", r#""token_type":null"#),
        with("scopes in a list", r#""scope":["mail","offline_access"]"#),
        with("scope null", r#""scope":null"#),
        with("odd id token", r#""id_token":{"sub":1}"#),
        with("both of two names", r#""refresh_token_expires_in":3600,"refresh_expires_in":0"#),
        with("refresh token that lives no time", r#""refresh_token_expires_in":"never""#),
        with("an error that is none", r#""error":null,"error_description":"""#),
        with("an empty error", r#""error":"""#),
        with("a raw line break", "\"message\":\"two\nlines\""),
        with("half a character", r#""message":"\ud800""#),
        with("deep company", &format!(r#""x":{}1{}"#, "[".repeat(100), "]".repeat(100))),
        fault("refresh token null", Token, json(200, r#"{"refresh_token":null,@ROTATED@"access_token":"good"}"#)),
        fault("refresh token empty", Token, json(200, r#"{"refresh_token":"",@ROTATED@"access_token":"good"}"#)),
        fault("refresh token a number", Token, json(200, r#"{"refresh_token":1,@ROTATED@"access_token":"good"}"#)),
        fault(
            "everything twice",
            Token,
            json(200, r#"{"access_token":"old",@ROTATED@"access_token":"good","expires_in":1,"expires_in":3600}"#),
        ),
        fault("a mark before it", Token, json(200, &format!("\u{feff}{GOOD}"))),
        fault(
            "not UTF-8",
            Token,
            [
                b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{@ROTATED@\"access_token\":\"good\",\"name\":\"".to_vec(),
                b"\xfc\"}".to_vec(),
            ]
            .concat(),
        ),
        fault("201", Token, json(201, GOOD)),
        fault("203", Token, json(203, GOOD)),
        typed("text/html", "Content-Type: text/html\r\n"),
        typed("text/plain", "Content-Type: text/plain; charset=iso-8859-1\r\n"),
        typed("no type at all", ""),
        typed("an upper-case type", "Content-Type: APPLICATION/JSON\r\n"),
        not("an empty object", "{}"),
        not("a list of answers", &format!("[{GOOD}]")),
        not("a word", "\"good\""),
        not("a number for an answer", "7"),
        not("null", "null"),
        not("two answers", &format!("{GOOD}{GOOD}")),
        not("no access token", r#"{@ROTATED@"token_type":"Bearer"}"#),
        not("empty access token", r#"{@ROTATED@"access_token":""}"#),
        not("access token null", r#"{@ROTATED@"access_token":null}"#),
        not("access token a number", r#"{@ROTATED@"access_token":12345}"#),
        not("access token an object", r#"{@ROTATED@"access_token":{"token":"x"}}"#),
        not("a form", "access_token=good&expires_in=3600"),
        fault(
            "junk that calls itself gzip",
            Transient,
            http(200, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "\u{1f}\u{8b}junk"),
        ),
        not("a bottomless list", &"[".repeat(60_000)),
    ]
}

/// Writes a length where one is to stand.
trait ReplaceLength {
    fn replace_length(self, length: usize) -> Self;
}

impl ReplaceLength for Vec<u8> {
    fn replace_length(self, length: usize) -> Self {
        String::from_utf8_lossy(&self).replace("@LENGTH@", &length.to_string()).into_bytes()
    }
}
