use serde::Deserialize;
use url::form_urlencoded;

/// What a list is asked for: `?q=…&page=…`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) q: String,
    #[serde(default)]
    pub(super) page: usize,
}

/// Which part of a list is shown, and the way to the others.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    /// The address of the list, without a query.
    action: String,
    /// What else stands in the query.
    query: Vec<(&'static str, String)>,
    /// What the number of the page is called in the query, and its list on the page.
    name: &'static str,
    asked: usize,
    rows: usize,
    total: usize,
}

/// Rows of a page.
pub(super) const ROWS: usize = 50;
/// Rows of a list that shares its page with others.
const SHORT: usize = 20;

impl Pager {
    /// The page that was asked for, or the last one there is. Pages count from 1.
    pub(super) fn new(action: String, query: Vec<(&'static str, String)>, page: usize, total: usize) -> Self {
        Self { action, query, name: "page", asked: page, rows: ROWS, total }
    }

    /// For a list that shares its page with others: fewer rows, and a name of its own in the query and on the page.
    pub(super) fn short(self, name: &'static str) -> Self {
        Self { name, rows: SHORT, ..self }
    }

    fn page(&self) -> usize {
        self.asked.clamp(1, self.total.div_ceil(self.rows).max(1))
    }

    /// What the list is called, where there are several.
    pub(super) fn list(&self) -> Option<&'static str> {
        (self.rows == SHORT).then_some(self.name)
    }

    /// The rows of this page.
    pub(super) fn rows<T>(&self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        all.into_iter().skip((self.page() - 1) * self.rows).take(self.rows).collect()
    }

    pub(super) fn told(&self) -> String {
        if self.total == 0 {
            return "None.".to_owned();
        }
        let first = (self.page() - 1) * self.rows + 1;
        format!("{first} to {} of {}", (first + self.rows - 1).min(self.total), self.total)
    }

    pub(super) fn previous(&self) -> Option<String> {
        (self.page() > 1).then(|| self.link(self.page() - 1))
    }

    pub(super) fn next(&self) -> Option<String> {
        (self.page() * self.rows < self.total).then(|| self.link(self.page() + 1))
    }

    fn link(&self, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query.iter().filter(|(_, value)| !value.is_empty()));
        query.append_pair(self.name, &page.to_string());
        let place = self.list().map(|name| format!("#{name}")).unwrap_or_default();
        format!("{}?{}{place}", self.action, query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_on_one_page_and_no_page_is_beyond_the_end() {
        let rows: Vec<_> = (0..120).collect();
        let page = |page| Pager::new("/x/tokens".into(), vec![("q", "a&b".into())], page, rows.len());
        let all: Vec<_> = (1..=3).flat_map(|number| page(number).rows(rows.iter().copied())).collect();
        assert_eq!(all, rows);
        assert_eq!((page(0).told(), page(99).told()), ("1 to 50 of 120".into(), "101 to 120 of 120".into()));
        assert_eq!(page(1).next().unwrap(), "/x/tokens?q=a%26b&page=2");
        assert_eq!((page(1).previous(), page(3).next()), (None, None));
        assert_eq!(Pager::new(String::new(), Vec::new(), 1, 0).told(), "None.");
    }

    #[test]
    fn lists_that_share_a_page_are_told_apart() {
        let rows: Vec<_> = (0..50).collect();
        let page = |page| Pager::new("/".into(), vec![("tokens", "2".into())], page, rows.len()).short("accounts");
        let all: Vec<_> = (1..=3).flat_map(|number| page(number).rows(rows.iter().copied())).collect();
        assert_eq!(all, rows);
        assert_eq!(page(9).previous().unwrap(), "/?tokens=2&accounts=2#accounts");
    }
}
