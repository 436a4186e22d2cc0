//! What providers' own pages say on the way to a consent when the browser does not come back with it. No code can be looked
//! up then: people read these.

/// A page of a provider that ends a consent, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hurdle {
    /// What it says, in its own words.
    pub says: &'static str,
    /// What that means, and the next step.
    pub remedy: &'static str,
}

/// Microsoft's sign-in and consent pages.
pub const MICROSOFT: [Hurdle; 7] = [
    Hurdle {
        says: "Need admin approval (AADSTS65001, AADSTS90094)",
        remedy: "The tenant lets only its administrators consent to this app. Hand the admin consent address to one of them; once they have approved, get the token again.",
    },
    Hurdle {
        says: "You are signed in as somebody else, or no account can be chosen",
        remedy: "The browser is signed in with another account. Open the address in a private window, and sign in as the mailbox.",
    },
    Hurdle {
        says: "Selected user account does not exist in tenant (AADSTS50020, AADSTS16000, AADSTS90072)",
        remedy: "The account belongs to another tenant. Sign in with one of the token's tenant, or correct tenant.",
    },
    Hurdle {
        says: "You can't sign in here with a personal account, or: use your work or school account (AADSTS500208, AADSTS9002331)",
        remedy: "tenant and the account do not fit: for personal accounts it is consumers, for others the Directory (tenant) ID. The app registration has to support that kind of account, too.",
    },
    Hurdle {
        says: "The redirect URI specified in the request does not match (AADSTS50011)",
        remedy: "Register the redirect URI that is shown here, exactly: in the app registration under Authentication, platform Web, or Mobile and desktop applications for one on localhost.",
    },
    Hurdle {
        says: "Application with identifier was not found in the directory (AADSTS700016)",
        remedy: "client_id or tenant is wrong, or the app was registered in another tenant.",
    },
    Hurdle {
        says: "Application is not configured as a multi-tenant application (AADSTS50194)",
        remedy: "Set tenant to the Directory (tenant) ID of the app registration.",
    },
];

/// Google's sign-in and consent pages.
pub const GOOGLE: [Hurdle; 6] = [
    Hurdle {
        says: "Access blocked: the app has not completed the Google verification process (Error 403: access_denied)",
        remedy: "The app is in Testing, and the account is none of its test users. Add it in the Google Cloud console under Google Auth Platform, Audience, Test users; or publish the app. Grants of an app in Testing end after seven days.",
    },
    Hurdle {
        says: "Google hasn't verified this app",
        remedy: "If the app is your own, choose Advanced, then Go to the app.",
    },
    Hurdle {
        says: "Access blocked: it can only be used within its organization (Error 403: org_internal)",
        remedy: "The app is Internal. Sign in with an account of its organisation, or make the app External.",
    },
    Hurdle {
        says: "Error 400: redirect_uri_mismatch",
        remedy: "Register the redirect URI that is shown here, exactly, with the client in the Google Cloud console (a client of type Web application).",
    },
    Hurdle {
        says: "Error 400: admin_policy_enforced",
        remedy: "The Workspace's administrator has to trust the client id: Google admin console, Security, API controls, App access control.",
    },
    Hurdle {
        says: "Another account is offered, or chosen without asking",
        remedy: "Choose Use another account, or open the address in a private window, and sign in as the mailbox.",
    },
];
