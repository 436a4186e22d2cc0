use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::layer::{Context, Filter};

use crate::config::{Least, Levels};

/// Which events become lines; can be changed while they do.
#[derive(Clone, Debug)]
pub(super) struct Shown(Arc<ArcSwap<Levels>>);

impl Shown {
    pub(super) fn new(levels: &Levels) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(levels.clone())))
    }

    /// From now on.
    pub(super) fn change(&self, levels: &Levels) {
        self.0.store(Arc::new(levels.clone()));
        // Every event asks again whether it is wanted, also those of libraries that speak through the `log` crate.
        tracing::callsite::rebuild_interest_cache();
        log::set_max_level(of_log(levels.most()));
    }

    pub(super) fn most(&self) -> Least {
        self.0.load().most()
    }

    fn shows(&self, told: &Metadata<'_>) -> bool {
        *told.level() <= filter(self.0.load().of(told.target()))
    }
}

impl<S> Filter<S> for Shown {
    fn enabled(&self, told: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.shows(told)
    }

    fn callsite_enabled(&self, told: &'static Metadata<'static>) -> Interest {
        if self.shows(told) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(filter(self.most()))
    }
}

const fn filter(least: Least) -> LevelFilter {
    match least {
        Least::Off => LevelFilter::OFF,
        Least::Error => LevelFilter::from_level(Level::ERROR),
        Least::Warn => LevelFilter::from_level(Level::WARN),
        Least::Info => LevelFilter::from_level(Level::INFO),
        Least::Debug => LevelFilter::from_level(Level::DEBUG),
        Least::Trace => LevelFilter::from_level(Level::TRACE),
    }
}

/// Libraries tell no more than `debug`.
const fn of_log(most: Least) -> log::LevelFilter {
    match most {
        Least::Off => log::LevelFilter::Off,
        Least::Error => log::LevelFilter::Error,
        Least::Warn => log::LevelFilter::Warn,
        Least::Info => log::LevelFilter::Info,
        Least::Debug | Least::Trace => log::LevelFilter::Debug,
    }
}
