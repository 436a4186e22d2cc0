use aws_lc_rs::rand;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// The system gave no randomness for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// What nobody mistakes for another, also when it is typed at a scanner: no l and 1, no o and 0, no capitals. 32 of them,
/// so that an octet chooses each with the same chance.
const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A new password: 100 bits in groups of four.
pub fn generated() -> Result<SecretString, NoRandomness> {
    let mut octets = Zeroizing::new([0; 20]);
    rand::fill(octets.as_mut()).map_err(|_| NoRandomness)?;
    let mut text = Zeroizing::new(String::with_capacity(24));
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(CHARACTERS[usize::from(octet % 32)]));
    }
    Ok(text.as_str().into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn what_is_made_up_is_strong_and_easily_typed() {
        let all: Vec<_> = (0..100).map(|_| generated().unwrap().expose_secret().to_owned()).collect();
        for password in &all {
            let groups: Vec<_> = password.split('-').collect();
            assert!(groups.len() == 5 && groups.iter().all(|group| group.len() == 4), "{password}");
            assert!(!password.contains(['l', 'o', '0', '1', 'I', 'O']), "{password}");
        }
        let used: std::collections::HashSet<_> = all.iter().flat_map(|password| password.chars()).collect();
        assert_eq!(used.len(), 33, "all of them are used, and the dash");
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 100);
    }
}
