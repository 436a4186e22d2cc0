mod passing;

use super::*;

fn by_number(number: u32) -> Option<Explanation> {
    oauth(&Answered { error: "x", numbers: &[number], ..Answered::default() })
}

/// Every code that the provider's page lists and that can reach a mail relay.
const NUMBERS: &[u32] = &[
    16000, 28000, 28002, 28003, 50001, 50011, 900_971, 70004, 50147, 501_481, 501_491, 500_113, 500_011, 50012, 50013,
    50048, 50027, 500_133, 50014, 50020, 500_021, 500_022, 500_208, 50033, 50034, 50049, 50053, 50055, 50056, 50057,
    50058, 50059, 50072, 50074, 50076, 50078, 50079, 50085, 50089, 50097, 50105, 50126, 50128, 50131, 50132, 50133,
    50135, 50140, 50144, 50158, 50173, 50177, 50194, 50196, 50199, 53000, 53001, 53002, 53003, 530_003, 530_032,
    530_035, 53004, 53010, 53011, 54005, 65001, 65002, 65004, 65005, 650_052, 650_054, 650_056, 650_057, 70000, 70001,
    700_016, 70002, 70003, 700_003, 700_005, 70008, 70011, 70012, 70016, 70018, 70019, 700_022, 700_023, 700_025,
    700_027, 700_030, 70043, 700_082, 700_084, 7_000_112, 7_000_215, 7_000_218, 7_000_222, 700_229, 80001, 80002,
    80005, 80007, 80012, 80013, 80014, 90002, 90013, 90014, 900_144, 90019, 90006, 90012, 90024, 90033, 50087, 90055,
    90036, 901_002, 90038, 90072, 90094, 90095, 900_382, 900_432, 900_561, 9_001_023, 9_002_313, 9_002_332, 90124,
    90130, 135_011,
];

#[test]
fn every_number_has_a_cause_and_a_next_step() {
    for number in NUMBERS {
        let found = by_number(*number).unwrap_or_else(|| panic!("AADSTS{number} is not explained"));
        assert!(found.cause.len() > 10 && found.remedy.len() > 10, "AADSTS{number}");
        assert!(!found.cause.ends_with('.') && !found.remedy.ends_with('.'), "AADSTS{number}: one line, no full stop");
    }
    assert_eq!(by_number(1), None);
}

#[test]
fn a_number_in_the_description_is_found_too() {
    let answered = Answered {
        error: "invalid_client",
        description: "AADSTS7000222: The provided client secret keys are expired.",
        ..Answered::default()
    };
    assert_eq!(oauth(&answered), by_number(7_000_222));
}

#[test]
fn googles_values_are_told_apart_by_their_subtype_and_text() {
    let of =
        |error, subcode, description| oauth(&Answered { error, subcode, numbers: &[], description }).unwrap().cause;
    assert!(of("invalid_grant", Some("invalid_rapt"), "reauth related error").contains("session control"));
    assert!(of("invalid_grant", None, "Token has been expired or revoked.").contains("revoked"));
    assert!(of("invalid_grant", None, "Invalid JWT: Token must be a short-lived token (60 minutes)").contains("clock"));
    assert!(of("invalid_grant", None, "").contains("ended"));
    for error in [
        "admin_policy_enforced",
        "org_internal",
        "disallowed_useragent",
        "redirect_uri_mismatch",
        "access_denied",
        "invalid_client",
        "deleted_client",
        "unauthorized_client",
        "invalid_request",
        "access_not_configured",
        "invalid_scope",
        "authorization_declined",
        "expired_token",
        "bad_verification_code",
    ] {
        assert!(!of(error, None, "").is_empty());
    }
    assert_eq!(oauth(&Answered { error: "something_new", ..Answered::default() }), None);
}

#[test]
fn what_mail_servers_say_is_explained() {
    for (said, cause) in [
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
            "switched off for the tenant",
        ),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
            "switched off for the mailbox",
        ),
        ("535 5.7.3 Authentication unsuccessful [HOST.PROD.OUTLOOK.COM]", "does not accept this user"),
        ("NO AUTHENTICATE failed.", "does not accept this user"),
        ("BAD User is authenticated but not connected.", "no mailbox here"),
        ("554 5.2.252 SendAsDenied; a@x not allowed to send as b@y", "may not send as"),
        ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", "may not send as"),
        ("430 4.2.0 STOREDRV; mailbox logon failure; AuthenticationContext has no rights", "no permission"),
        ("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "three submissions"),
        ("421 4.4.2 Message submission rate for this client has exceeded the configured limit", "30 messages"),
        ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "10,000"),
        ("550 5.4.5 Daily user sending limit exceeded.", "of the day"),
        ("[AUTH] Invalid credentials.", "Gmail"),
    ] {
        let found = mail_refusal(said).unwrap_or_else(|| panic!("not explained: {said}"));
        assert!(found.cause.contains(cause), "{said}: {}", found.cause);
    }
    assert_eq!(mail_refusal("250 2.0.0 OK"), None);
}
