use std::time::Duration;

/// That a replica is there, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Its name; two may have the same by mistake.
    pub name: String,
    /// Names this run of it, unlike any other.
    pub instance: String,
    /// Of the program.
    pub version: String,
    /// What else there is to say, as JSON. Nothing in it is a secret.
    pub facts: String,
}

/// A replica as the others see it. Times are told by the store's own clock: clocks of machines need not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Its last beat.
    pub beat: Beat,
    /// The newest schema that it knows.
    pub schema: i64,
    /// Since its first beat.
    pub age: Duration,
    /// Since its last one.
    pub silent: Duration,
}

/// How often a replica says that it is there.
pub const BEAT: Duration = Duration::from_secs(5);
/// One that has been silent for so long is dead, or cannot reach the store.
pub const DEAD: Duration = Duration::from_secs(20);
/// One that has been silent for so long is forgotten.
pub const FORGOTTEN: Duration = Duration::from_hours(1);

impl Replica {
    /// Whether it is there.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.silent < DEAD
    }

    /// Whether it is no more and another run of it is there, which has begun after its last beat. One that is heard beside
    /// the other is another replica of the same name.
    #[must_use]
    pub fn is_replaced(&self, all: &[Self]) -> bool {
        let successor = |other: &Self| other.beat.name == self.beat.name && other.is_live() && other.age <= self.silent;
        !self.is_live() && all.iter().any(successor)
    }
}
