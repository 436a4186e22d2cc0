//! The fields of the form: what each is, what it depends on, and where in the provider's portal its value is found.

use super::when::When;

/// A field, and the setting of its name.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) is: Is,
    pub(super) when: When,
    pub(super) hint: &'static str,
}

/// What is set with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// A line of text.
    Text,
    /// An address.
    Url,
    /// A day.
    Day,
    /// One of some words.
    Choice(&'static [(&'static str, &'static str)]),
    /// The providers that there are.
    Provider,
    /// Texts, separated by blanks.
    Words,
    /// smtp, imap, pop3.
    Protocols,
    /// Yes or no.
    Flag,
    /// What is never shown again.
    Secret,
    /// The same in several lines.
    SecretText,
    /// The same as a file; the setting is that of the name without its end.
    SecretFile,
}

/// Fields that belong together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) legend: &'static str,
    pub(super) intro: &'static str,
    /// Few people need them.
    pub(super) folded: bool,
    pub(super) keys: &'static [Key],
}

/// A provider of one's own, as it stands in the configuration file.
pub(super) const SAMPLE: &str = "\
[providers.corp]
authorization_url = \"https://id.example.com/authorize\"
token_url         = \"https://id.example.com/token\"
scopes = [\"openid\", \"email\", \"offline_access\"]
imap = { host = \"imap.example.com\", port = 993, tls = \"implicit\" }
pop3 = { host = \"pop.example.com\",  port = 995, tls = \"implicit\" }
smtp = { host = \"smtp.example.com\", port = 587, tls = \"starttls\" }
";

/// The end of the name of a file's field.
pub(super) const FILE: &str = "_file";

const GRANTS: Is = Is::Choice(&[
    ("authorization_code", "A person signs in with a browser, once"),
    ("device_code", "A person enters a code on another device, once"),
    ("client_credentials", "The app itself; nobody signs in (Microsoft, app-only)"),
    ("service_account", "A service account; nobody signs in (Google Workspace)"),
    ("refresh_token", "A refresh token from another program"),
    ("app_password", "An app password, no OAuth"),
    ("password", "The mailbox's own password (the last resort)"),
]);

const PROOFS: Is = Is::Choice(&[
    ("client_secret", "A client secret"),
    ("client_json", "Google's downloaded JSON file of the client"),
    ("client_certificate", "A certificate"),
    ("managed_identity", "The managed identity of this machine (Azure)"),
    ("public", "Nothing: a public client"),
]);

const CLOUDS: Is = Is::Choice(&[
    ("", "Worldwide, GCC"),
    ("usgov", "US Government (GCC High)"),
    ("dod", "US Government (DoD)"),
    ("china", "China (21Vianet)"),
]);

const SENT: Is = Is::Choice(&[("", "In the body of the request (usual)"), ("basic", "In its header (HTTP Basic)")]);

pub(super) const GROUPS: [Group; 4] = [
    Group {
        legend: "What it is for",
        intro: "",
        folded: false,
        keys: &[
            Key {
                name: "name",
                label: "Name",
                is: Is::Text,
                when: When::ALWAYS,
                hint: "What accounts refer to. Any text; the mail address is a good one. It cannot be changed later.",
            },
            Key {
                name: "provider",
                label: "Type",
                is: Is::Provider,
                when: When::ALWAYS,
                hint: "Whose mailbox it is. Any other provider is described in the configuration file (see below); run \
                       `gatepost reload` then, and choose it here.",
            },
            Key {
                name: "grant",
                label: "How it is obtained",
                is: GRANTS,
                when: When::ALWAYS,
                hint: "If in doubt: a person signs in with a browser. Google has no app-only access and no device codes for mail; \
                       Microsoft has no service accounts.",
            },
            Key {
                name: "mailbox",
                label: "Mailbox",
                is: Is::Text,
                when: When::ALWAYS,
                hint: "Its primary mail address; whoever signs in is compared with it. Where nobody signs in it may stay empty: \
                       each account then names its own.",
            },
        ],
    },
    Group {
        legend: "The app at the provider",
        intro: "Have the provider's portal open in another window. Microsoft: entra.microsoft.com › App registrations › your app. \
                Google: console.cloud.google.com › Google Auth Platform › Clients.",
        folded: false,
        keys: &[
            Key {
                name: "cloud",
                label: "Microsoft cloud",
                is: CLOUDS,
                when: When::MICROSOFT,
                hint: "Where the tenant is. Nearly always worldwide.",
            },
            Key {
                name: "tenant",
                label: "Directory (tenant) ID",
                is: Is::Text,
                when: When::TENANT,
                hint: "Entra: App registrations › your app › Overview › Directory (tenant) ID.",
            },
            Key {
                name: "client_id",
                label: "Client ID",
                is: Is::Text,
                when: When::CLIENT,
                hint: "Entra: App registrations › your app › Overview › Application (client) ID; not the Object ID. Google: \
                       Clients › your client › Client ID, which ends in .apps.googleusercontent.com. Not needed with Google's JSON \
                       file.",
            },
            Key {
                name: "proof",
                label: "The app proves itself by",
                is: PROOFS,
                when: When::CLIENT,
                hint: "Only what belongs to this choice is saved.",
            },
            Key {
                name: "client_secret",
                label: "Client secret",
                is: Is::Secret,
                when: When::proof(&["client_secret"]),
                hint: "Entra: your app › Certificates & secrets › New client secret; copy the Value, not the Secret ID. It is shown \
                       once. Google: Clients › your client › Client secrets, shown once when it is made.",
            },
            Key {
                name: "client_json_file",
                label: "Google's JSON file of the client",
                is: Is::SecretFile,
                when: When::proof(&["client_json"]),
                hint: "Google: Clients › Create client › Download JSON (client_secret_….json). It holds client ID and secret.",
            },
            Key {
                name: "client_json",
                label: "Or its content",
                is: Is::SecretText,
                when: When::proof(&["client_json"]),
                hint: "The same file, pasted: from the first brace to the last.",
            },
            Key {
                name: "client_certificate_file",
                label: "Certificate with its private key",
                is: Is::SecretFile,
                when: When::proof(&["client_certificate"]),
                hint: "PEM (both in one file) or PKCS#12 (.pfx, .p12). Upload the certificate alone to Entra: your app › \
                       Certificates & secrets › Certificates.",
            },
            Key {
                name: "client_certificate",
                label: "Or as PEM text",
                is: Is::SecretText,
                when: When::proof(&["client_certificate"]),
                hint: "-----BEGIN CERTIFICATE----- and -----BEGIN PRIVATE KEY-----, one below the other.",
            },
            Key {
                name: "client_certificate_password",
                label: "Password of the PKCS#12 file",
                is: Is::Secret,
                when: When::proof(&["client_certificate"]),
                hint: "Needed once, to open it; it is not kept. Empty for PEM.",
            },
            Key {
                name: "client_secret_ends",
                label: "Secret ends on",
                is: Is::Day,
                when: When::proof(&["client_secret", "client_json"]),
                hint: "Entra: your app › Certificates & secrets › Expires, 24 months at most. You are told 30, 14, 7 and 1 days \
                       ahead. The end of a certificate is read from it.",
            },
            Key {
                name: "managed_identity",
                label: "Managed identity",
                is: Is::Text,
                when: When::proof(&["managed_identity"]),
                hint: "system, or the client ID of a user-assigned identity (Azure portal: Managed Identities › yours › Overview).",
            },
            Key {
                name: "service_account_file",
                label: "JSON key of the service account",
                is: Is::SecretFile,
                when: When::grant(&["service_account"]),
                hint: "Google: IAM & Admin › Service Accounts › yours › Keys › Add key › JSON. Then delegate the domain to its \
                       numeric client ID: admin.google.com › Security › API controls › Domain-wide delegation, with the scope \
                       https://mail.google.com/.",
            },
            Key {
                name: "service_account",
                label: "Or its content",
                is: Is::SecretText,
                when: When::grant(&["service_account"]),
                hint: "The same file, pasted: from the first brace to the last.",
            },
            Key {
                name: "password",
                label: "Password",
                is: Is::Secret,
                when: When::grant(&["app_password", "password"]),
                hint: "The app password that the provider made. Google: myaccount.google.com › Security › 2-Step Verification › App \
                       passwords. For the last resort, the mailbox's own.",
            },
            Key {
                name: "allow_password_grant",
                label: "I know that RFC 9700 forbids this, and that multi-factor authentication ends it",
                is: Is::Flag,
                when: When::grant(&["password"]),
                hint: "The password grant works at Microsoft alone, without multi-factor authentication. Let the app itself in \
                       instead, where you can.",
            },
            Key {
                name: "refresh_token",
                label: "Refresh token",
                is: Is::Secret,
                when: When::grant(&["refresh_token"]),
                hint: "From another program that signed in with the same client. It can be imported later on the token's page, too.",
            },
        ],
    },
    Group {
        legend: "What it may do",
        intro: "",
        folded: false,
        keys: &[
            Key {
                name: "protocols",
                label: "Used for",
                is: Is::Protocols,
                when: When::OAUTH,
                hint: "Scopes are asked for these only. At Google one scope covers all.",
            },
            Key {
                name: "scopes",
                label: "Scopes",
                is: Is::Words,
                when: When::OAUTH,
                hint: "Scopes, separated by blanks. With Microsoft, Google, Yahoo and Fastmail empty asks for what these protocols \
                       need, which is right nearly always; another provider has its own. Entra: add the same as API permissions, Microsoft Graph › Delegated permissions; \
                       app-only: APIs my organization uses › Office 365 Exchange Online › Application permissions.",
            },
            Key {
                name: "delegate",
                label: "Somebody else than the mailbox signs in: a delegate",
                is: Is::Flag,
                when: When::ASKED,
                hint: "For a shared mailbox, which cannot sign in itself.",
            },
            Key {
                name: "testing",
                label: "The Google app is in Testing",
                is: Is::Flag,
                when: When::GOOGLE_ASKED,
                hint: "Google: Google Auth Platform › Audience › Publishing status. In Testing every grant ends after seven days; \
                       you are told ahead. Publish the app to end that.",
            },
        ],
    },
    Group {
        legend: "Addresses",
        intro: "They follow from the type and the tenant. Fill in only what differs; base addresses such as \
                https://login.microsoftonline.com/ are completed.",
        folded: true,
        keys: &[
            Key {
                name: "authorization_url",
                label: "Authorization URL",
                is: Is::Url,
                when: When::grant(&["authorization_code"]),
                hint: "Entra: your app › Overview › Endpoints › OAuth 2.0 authorization endpoint (v2).",
            },
            Key {
                name: "token_url",
                label: "Access token URL",
                is: Is::Url,
                when: When::CLIENT,
                hint: "Entra: your app › Overview › Endpoints › OAuth 2.0 token endpoint (v2).",
            },
            Key {
                name: "device_url",
                label: "Device code URL",
                is: Is::Url,
                when: When::grant(&["device_code"]),
                hint: "Where a device code is asked for.",
            },
            Key {
                name: "redirect_uri",
                label: "Another redirect URI",
                is: Is::Url,
                when: When::grant(&["authorization_code"]),
                hint: "Only where the provider sends browsers elsewhere than to Gatepost's own address above; then the address is \
                       pasted by hand.",
            },
            Key {
                name: "client_auth",
                label: "How the secret is sent",
                is: SENT,
                when: When::proof(&["client_secret", "client_json"]),
                hint: "Microsoft and Google want it in the body.",
            },
        ],
    },
];

/// All of them, in their order.
pub(super) fn all() -> impl Iterator<Item = &'static Key> {
    GROUPS.iter().flat_map(|group| group.keys)
}

impl Key {
    /// Whether it stands for a setting of a token as it is; the others are turned into settings one by one.
    pub(super) fn is_plain(&self) -> bool {
        !self.is.is_secret() && !matches!(self.name, "name" | "proof")
    }
}

impl Is {
    pub(super) const fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::SecretText | Self::SecretFile)
    }
}
