//! The grants, each with its own reasons to refuse.

use super::answer::{Refusal, positive};
use super::asked::Asked;
use super::device;
use crate::client::Client;
use crate::consent::BadCode;
use crate::dialect::Dialect;
use crate::http::Response;
use crate::jwt::Claims;
use crate::state::State;
use crate::tokens::Granted;

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What is granted, and for which scope.
pub(crate) type Outcome = Result<(Granted, String), Refusal>;

/// A grant for a client that has authenticated itself.
pub(crate) fn grant(state: &State, asked: &Asked, client: &Client) -> Response {
    let outcome = match asked.field("grant_type") {
        "client_credentials" => Ok((state.lock().tokens.by_client(client), asked.field("scope").to_owned())),
        "refresh_token" => refresh(state, asked, client),
        "authorization_code" => code(state, asked, client),
        device::GRANT | "device_code" => device::poll(state, asked, client),
        "password" if state.dialect == Dialect::Microsoft => password(state, asked, client),
        "" => Err(Refusal::new("invalid_request", 900_144, "The request body must contain 'grant_type'.")),
        _ => Err(Refusal::new("unsupported_grant_type", 70_003, "The grant type is not supported.")),
    };
    match outcome {
        Ok((granted, scope)) => positive(state.dialect, &granted, &client.id, &scope),
        Err(refusal) => refusal.response(state.dialect),
    }
}

fn refresh(state: &State, asked: &Asked, client: &Client) -> Outcome {
    let granted = state.lock().tokens.by_refresh(client, asked.field("refresh_token"));
    let text = match state.dialect {
        Dialect::Microsoft => "The refresh token has expired due to inactivity.",
        Dialect::Google => "Token has been expired or revoked.",
    };
    let granted = granted.ok_or(Refusal::new("invalid_grant", 70_008, text))?;
    Ok((granted, asked.field("scope").to_owned()))
}

fn code(state: &State, asked: &Asked, client: &Client) -> Outcome {
    let field = |name| asked.field(name);
    let (dialect, mut state) = (state.dialect, state.lock());
    let redeemed = state.consents.redeem(field("code"), &client.id, field("redirect_uri"), field("code_verifier"));
    let code = redeemed.map_err(|bad| not_redeemed(dialect, bad))?;
    Ok((state.tokens.by_consent(client, &code.mailbox, code.offline), code.scope))
}

fn not_redeemed(dialect: Dialect, bad: BadCode) -> Refusal {
    let (error, code, text) = match (dialect, bad) {
        (Dialect::Google, BadCode::Unknown) => ("invalid_grant", 0, "Malformed auth code."),
        (Dialect::Google, BadCode::Spent) => ("invalid_grant", 0, "Bad Request"),
        (Dialect::Google, BadCode::OtherRedirect) => ("redirect_uri_mismatch", 0, "Bad Request"),
        (Dialect::Google, BadCode::OtherVerifier) => ("invalid_grant", 0, "Invalid code verifier."),
        (Dialect::Microsoft, BadCode::Unknown) => {
            ("invalid_grant", 70_000, "The provided value for the 'code' parameter is not valid.")
        }
        (Dialect::Microsoft, BadCode::Spent) => (
            "invalid_grant",
            54_005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
        ),
        (Dialect::Microsoft, BadCode::OtherRedirect) => (
            "invalid_grant",
            500_112,
            "The reply address does not match the reply address provided when requesting the authorization code.",
        ),
        (Dialect::Microsoft, BadCode::OtherVerifier) => (
            "invalid_grant",
            501_481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        ),
    };
    Refusal::new(error, code, text)
}

fn password(state: &State, asked: &Asked, client: &Client) -> Outcome {
    let (user, password) = (asked.field("username"), asked.field("password"));
    let mut state = state.lock();
    if !state.passwords.opens_account(user, password) {
        return Err(Refusal::new(
            "invalid_grant",
            50_126,
            "Error validating credentials due to invalid username or password.",
        ));
    }
    let granted = state.tokens.by_consent(client, user, asked.has_scope("offline_access"));
    Ok((granted, asked.field("scope").to_owned()))
}

/// A service account for one of its mailboxes, as Google has it: the assertion is all there is.
pub(crate) fn service_account(state: &State, asked: &Asked) -> Response {
    let invalid = |text| Refusal::new("invalid_grant", 50_013, text);
    let outcome = (|| {
        let claims = Claims::read(asked.field("assertion")).ok_or(invalid("Bad Request"))?;
        let mut state = state.lock();
        let client = state.tokens.client(claims.text("iss")).cloned();
        let client = client.ok_or(invalid("Invalid grant: account not found"))?;
        if claims.text("aud") != state.token_url {
            return Err(invalid("Invalid JWT: Failed audience check."));
        }
        if !claims.is_current() || !claims.is_short_lived() {
            return Err(invalid(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
            ));
        }
        if claims.text("scope").is_empty() {
            return Err(Refusal::new("invalid_scope", 70_011, "Empty or missing scope not allowed."));
        }
        let mailbox = claims.text("sub");
        if !client.mailboxes.iter().any(|known| known.eq_ignore_ascii_case(mailbox)) {
            let text = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
            return Err(Refusal { status: 401, ..Refusal::new("unauthorized_client", 700_016, text) });
        }
        Ok((state.tokens.by_consent(&client, mailbox, false), claims.text("scope").to_owned()))
    })();
    match outcome {
        Ok((granted, scope)) => positive(state.dialect, &granted, "", &scope),
        Err(refusal) => refusal.response(state.dialect),
    }
}
