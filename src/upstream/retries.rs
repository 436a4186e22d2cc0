//! How often a login that was refused is tried once more. No clock, no IO.

/// Retries are a share of the logins: a server in trouble that refuses everybody must not get twice as many for it. One that
/// succeeds costs nothing: it was worth it.
#[derive(Debug)]
pub(super) struct Retries {
    /// In hundredths of a retry.
    credit: u32,
    /// It has been said that there are no more.
    told: bool,
}

/// What there is for a quiet time, in hundredths of a retry.
const RESERVE: u32 = 1000;
const ONE: u32 = 100;

/// Whether there is one more retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    Yes,
    No {
        /// It is news.
        first: bool,
    },
}

impl Default for Retries {
    fn default() -> Self {
        Self { credit: RESERVE, told: false }
    }
}

impl Retries {
    /// A login is tried; it brings this share of a retry.
    pub(super) fn attempted(&mut self, percent: u32) {
        self.credit = (self.credit + percent).min(RESERVE);
    }

    /// Takes one.
    pub(super) const fn take(&mut self, percent: u32) -> Allowed {
        if percent == 0 || self.credit < ONE {
            return Allowed::No { first: !std::mem::replace(&mut self.told, true) };
        }
        self.credit -= ONE;
        self.told = false;
        Allowed::Yes
    }

    /// It was worth it, or was not needed.
    pub(super) fn give_back(&mut self) {
        self.credit = (self.credit + ONE).min(RESERVE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(retries: &mut Retries, logins: usize) -> usize {
        (0..logins)
            .filter(|_| {
                retries.attempted(20);
                retries.take(20) == Allowed::Yes
            })
            .count()
    }

    #[test]
    fn a_server_that_refuses_everybody_sees_a_fifth_of_them_again() {
        let mut retries = Retries::default();
        let again = refused(&mut retries, 1000);
        assert!((200..=210).contains(&again), "the reserve and a share: {again}");
    }

    #[test]
    fn retries_that_succeed_cost_nothing() {
        let mut retries = Retries::default();
        for _ in 0..1000 {
            assert_eq!(retries.take(20), Allowed::Yes);
            retries.give_back();
        }
    }

    #[test]
    fn the_end_is_told_once() {
        let mut retries = Retries { credit: 0, told: false };
        assert_eq!([retries.take(20), retries.take(20)], [Allowed::No { first: true }, Allowed::No { first: false }]);
        retries.give_back();
        assert_eq!([retries.take(20), retries.take(20)], [Allowed::Yes, Allowed::No { first: true }]);
        assert_eq!(Retries::default().take(0), Allowed::No { first: true }, "switched off");
    }
}
