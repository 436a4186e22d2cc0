//! Tables for a terminal: columns as wide as their widest cell.

use super::say;

pub(super) struct Table<const N: usize> {
    head: [&'static str; N],
    lines: Vec<Line<N>>,
}

enum Line<const N: usize> {
    Row([String; N]),
    Remark(String),
}

impl<const N: usize> Table<N> {
    pub(super) const fn new(head: [&'static str; N]) -> Self {
        Self { head, lines: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.lines.push(Line::Row(cells));
    }

    /// A line that belongs to the row above.
    pub(super) fn remark(&mut self, text: &str) {
        self.lines.push(Line::Remark(text.to_owned()));
    }

    pub(super) fn print(&self) -> anyhow::Result<()> {
        say(self.text().trim_end_matches('\n'))
    }

    /// All of it, each line with its end.
    pub(super) fn text(&self) -> String {
        let mut text = self.line(&self.head.map(str::to_owned)) + "\n";
        for line in &self.lines {
            match line {
                Line::Row(cells) => text += &self.line(cells),
                Line::Remark(remark) => text += format!("    {remark}").trim_end(),
            }
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String; N]) -> String {
        let cells = cells.iter().enumerate().map(|(column, cell)| format!("{cell:width$}", width = self.width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }

    fn width(&self, column: usize) -> usize {
        let rows = self.lines.iter().filter_map(|line| match line {
            Line::Row(cells) => Some(cells[column].chars().count()),
            Line::Remark(_) => None,
        });
        rows.chain([self.head[column].len()]).max().unwrap_or(0)
    }
}
