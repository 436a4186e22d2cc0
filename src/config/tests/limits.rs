//! What a provider allows each mailbox.

use std::num::NonZeroU32;

use super::checks::problems;
use super::*;

fn of(provider: &str, tables: &str) -> [u32; 3] {
    let text = GOOD.replace("\"microsoft\"", &format!("{provider:?}")) + tables;
    let limits = load(&written(&text), &[]).unwrap_or_else(|errors| panic!("{errors}")).tokens[0].provider.limits;
    let number = |limit: Option<NonZeroU32>| limit.map_or(0, NonZeroU32::get);
    [limits.smtp_sessions, limits.messages_per_minute, limits.imap_sessions].map(number)
}

#[test]
fn presets_have_theirs_and_each_can_be_overridden() {
    let table = |provider: &str, limits: &str| format!("[providers.{provider}]\nlimits = {limits}\n");
    assert_eq!(of("microsoft", ""), [3, 30, 20]);
    assert_eq!(of("microsoft-usgov", ""), [3, 30, 20]);
    assert_eq!(of("microsoft", &table("microsoft", "{ smtp_sessions = 0 }")), [0, 30, 20]);
    assert_eq!(of("microsoft", &table("microsoft", "{ messages_per_minute = 10, imap_sessions = 5 }")), [3, 10, 5]);
    let corp = "[providers.corp]\ntoken_url = \"https://id.example.com/token\"\nscopes = [\"mail\"]\nimap = { host = \"imap.example.com\", port = 993, tls = \"implicit\" }\n";
    assert_eq!(of("corp", corp), [0, 0, 0]);
    assert_eq!(of("corp", &format!("{corp}limits = {{ imap_sessions = 7 }}\n")), [0, 0, 7]);
    assert_eq!(of("ours", "[providers.ours]\npreset = \"microsoft\"\nlimits = { smtp_sessions = 1 }\n"), [1, 30, 20]);
}

#[test]
fn mistakes_are_told() {
    let with = |limits: &str| problems(&format!("{GOOD}[providers.microsoft]\nlimits = {limits}\n"));
    let problem = with("{ smtp_sesions = 3 }");
    assert_eq!(problem[0], "providers.microsoft.limits.smtp_sesions: unknown key `smtp_sesions`");
    assert_eq!(with("{ smtp_sessions = -1 }")[0], "providers.microsoft.limits.smtp_sessions: found the number -1");
    assert_eq!(with("3")[0], "providers.microsoft.limits: found a number");
}
