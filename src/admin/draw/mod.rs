//! Pictures, drawn on the server as inline SVG.
//!
//! Across they are measured in percent and down in pixels, so that they fill any width and their texts keep their size. They
//! have classes and no colours: those are the style sheet's, light and dark. What a picture shows stands beside it in words.

mod chart;
mod timeline;

pub(super) use chart::Chart;
pub(super) use timeline::{Ending, Lane, Span, Timeline};

/// A place across the picture, in percent.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Percent(pub(super) f64);

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2}%", self.0)
    }
}
