use anyhow::anyhow;

use super::super::arguments;
use crate::registry::ChangeError;

/// Why an account was not changed, with the commands that help; `[keys]` are the arguments that are named otherwise.
pub(super) fn told(error: ChangeError, failed: &str, keys: &[(&str, &str)]) -> anyhow::Error {
    match error {
        ChangeError::Wrong(faults) => {
            let faults: Vec<_> = faults.iter().map(|fault| arguments::told(fault, keys)).collect();
            anyhow!("{failed}:\n  {}", faults.join("\n  "))
        }
        ChangeError::Unusable { .. } => anyhow!("{error}; `gatepost account remove` removes it"),
        ChangeError::TooMany { .. } => {
            anyhow!("{error}: without --keep-old the new one replaces the old ones; --remove-label takes one out")
        }
        ChangeError::LastPassword { .. } => anyhow!("{error}; `gatepost account disable` or `remove` ends its use"),
        error => error.into(),
    }
}
