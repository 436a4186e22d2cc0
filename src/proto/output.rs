use std::fmt;

use zeroize::Zeroizing;

/// Bytes to send. They may carry a token, so `Debug` shows only their number and dropping wipes them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Output(Zeroizing<Vec<u8>>);

impl Output {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds more bytes behind these.
    pub fn extend(&mut self, more: &[u8]) {
        // A vector that moves as it grows would leave an unwiped copy behind.
        self.0 = Zeroizing::new([&self.0, more].concat());
    }
}

impl<T: Into<Vec<u8>>> From<T> for Output {
    fn from(bytes: T) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} bytes)", self.0.len())
    }
}
