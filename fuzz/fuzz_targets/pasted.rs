#![no_main]
//! What a person pastes, or a browser brings, instead of an answer: it is read or refused, and what is shown of it is one
//! printable line.

use std::sync::Arc;

use gatepost::model::{Grant, Provider, Token};
use gatepost::oauth::Returned;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let token = Token::bare("support", Arc::new(Provider::default()), Grant::AuthorizationCode);
    for returned in [Returned::pasted(text), Returned::query(text)].into_iter().flatten() {
        if let Err(declined) = returned.outcome {
            let shown = format!("{declined} {}", declined.remedy(&token));
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
            assert!(shown.len() < 4000, "unbounded");
        }
    }
});
