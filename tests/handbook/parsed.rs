//! Blocks in the languages of others, as far as they can be judged without their programs.

use std::collections::HashSet;

use crate::kinds::{Kind, kind};
use crate::pages::{Block, blocks};

#[test]
fn blocks_of_other_languages_can_be_parsed() {
    for block in blocks() {
        if let (Some(Kind::Parsed | Kind::Placed), Some(fault)) = (kind(&block), fault(&block)) {
            panic!("{block}: {fault}");
        }
    }
}

fn fault(block: &Block) -> Option<String> {
    let lines = block.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let bad =
        |good: fn(&str) -> bool| lines.clone().find(|line| !good(line)).map(|line| format!("cannot be read: {line}"));
    match block.language.as_str() {
        "json" => serde_json::from_str::<serde_json::Value>(&block.text).err().map(|fault| fault.to_string()),
        "ini" => bad(|line| (line.starts_with('[') && line.ends_with(']')) || line.contains('=')),
        "properties" => {
            bad(|line| line.split_once('=').is_some_and(|(key, _)| !key.trim().contains(char::is_whitespace)))
        }
        "nginx" => {
            bad(|line| line.ends_with([';', '{']) || line == "}").or_else(|| unbalanced(&block.text, ['{', '}']))
        }
        _ => None,
    }
}

fn unbalanced(text: &str, [open, close]: [char; 2]) -> Option<String> {
    let count = |wanted| text.chars().filter(|&c| c == wanted).count();
    (count(open) != count(close)).then(|| format!("{open} and {close} do not pair"))
}

/// Cmdlets of Exchange Online and Microsoft Graph, with the parameters that the handbook may give them (learn.microsoft.com).
const CMDLETS: [(&str, &str); 21] = [
    ("Install-Module", "Name Scope"),
    ("Connect-ExchangeOnline", "UserPrincipalName"),
    ("Connect-MgGraph", "Scopes"),
    ("Disconnect-ExchangeOnline", "Confirm"),
    ("Get-MgServicePrincipal", "Filter"),
    ("New-ServicePrincipal", "AppId ObjectId DisplayName"),
    ("Get-ServicePrincipal", "Identity"),
    ("Add-MailboxPermission", "Identity User AccessRights AutoMapping"),
    ("Get-MailboxPermission", "Identity User"),
    ("Remove-MailboxPermission", "Identity User AccessRights"),
    ("Add-RecipientPermission", "Identity Trustee AccessRights Confirm"),
    ("Set-CASMailbox", "Identity ImapEnabled PopEnabled SmtpClientAuthenticationDisabled"),
    ("Get-CASMailbox", "Identity"),
    ("Set-TransportConfig", "SmtpClientAuthenticationDisabled"),
    ("Get-TransportConfig", ""),
    ("New-ManagementScope", "Name RecipientRestrictionFilter"),
    ("New-ManagementRoleAssignment", "Name Role App CustomResourceScope"),
    ("Test-ServicePrincipalAuthorization", "Identity Resource"),
    ("New-Mailbox", "Name Shared PrimarySmtpAddress"),
    ("Format-List", ""),
    ("Select-Object", "Property ExpandProperty"),
];

#[test]
fn powershell_uses_cmdlets_and_parameters_that_exist() {
    let blocks: Vec<_> = blocks().into_iter().filter(|block| block.language == "powershell").collect();
    assert!(!blocks.is_empty());
    for block in &blocks {
        // A line that ends in a backtick goes on.
        for line in block.text.replace("`\n", " ").lines().filter(|line| !line.trim_start().starts_with('#')) {
            for command in line.split(" | ").map(str::trim).filter(|command| !command.is_empty()) {
                let command = command
                    .split_once(" = ")
                    .filter(|(name, _)| name.starts_with('$'))
                    .map_or(command, |(_, made)| made);
                let fault = cmdlet(command.trim_matches(['(', ')']));
                assert_eq!(fault, None, "{block}: {line}");
            }
        }
    }
}

fn cmdlet(command: &str) -> Option<String> {
    let command = command.split(" #").next().unwrap();
    let name = command.split([' ', ')']).next().unwrap();
    let Some((_, parameters)) = CMDLETS.iter().find(|(known, _)| *known == name) else {
        return Some(format!("{name} is not known"));
    };
    let known: HashSet<_> = parameters.split(' ').collect();
    let given = outside_quotes(command);
    let mut given = given.split_whitespace().filter_map(|word| word.strip_prefix('-')?.split(':').next());
    given.find(|parameter| !known.contains(parameter)).map(|parameter| format!("{name} has no -{parameter}"))
}

fn outside_quotes(command: &str) -> String {
    command.split('"').step_by(2).collect::<Vec<_>>().join("Q")
}
