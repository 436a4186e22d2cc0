use aws_lc_rs::rand;

use super::SealError;

/// Grows with the saves of a token, from a random beginning; 0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(pub(crate) i64);

/// Whether a row is made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There was none.
    First,
    /// There was one.
    Later,
}

impl Version {
    /// The version after this one. The first is a random one: what was removed and made again is not taken for what it was.
    pub(super) fn next(self) -> Result<(Self, Step), SealError> {
        if self.0 != 0 {
            return Ok((Self(self.0 + 1), Step::Later));
        }
        let mut octets = [0; 8];
        rand::fill(&mut octets).map_err(|_| SealError::NoRandomness)?;
        Ok((Self(1 + (i64::from_ne_bytes(octets) & 0x3fff_ffff_ffff_ffff)), Step::First))
    }
}
