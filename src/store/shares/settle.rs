use super::{Ask, Given, Holder, basic_part};

/// A holder's units of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whose.
    pub owner: String,
    /// How many there are over all replicas, as that one knew it when it asked.
    pub most: u32,
    /// How many.
    pub units: u32,
    /// How many more it waits for.
    pub wants: u32,
    /// Since when: whoever has queued longest is next.
    pub since: i64,
}

/// What is to be written, and said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The row of the one that asked; `None`: it has none any more.
    pub row: Option<Row>,
    /// The answer.
    pub given: Given,
    /// Others should look: something came free that they wait for, or something is wanted that they may have.
    pub news: bool,
}

/// What a holder gets who asks: what it holds and keeps, then what it needs unless others have queued longer, and what it
/// wishes if nobody needs anything. `next` is greater than any `since` before.
#[must_use]
pub fn settle(me: &str, ask: &Ask, rows: &[Row], holders: &[Holder], next: i64) -> Settled {
    let mine = rows.iter().find(|row| row.owner == me);
    let others: Vec<_> =
        rows.iter().filter(|row| row.owner != me && counts(holders, &row.owner, ask.lasting)).collect();
    let taken: u32 = others.iter().map(|row| row.units).sum();
    let free_of = |most: u32| most.saturating_sub(taken + basic(me, (most, ask.lasting), rows, holders));
    let free = free_of(ask.most);
    // Where a limit was lowered, others may know it already: what they have been given has to hold for who hears of it later.
    let least = others.iter().map(|row| row.most).min().map_or(ask.most, |most| most.min(ask.most));
    let keep = ask.keep.min(free);
    let in_line = |row: &&&Row| row.wants > 0 && counts(holders, &row.owner, false);
    let wanted: u32 = others.iter().filter(in_line).map(|row| row.wants).sum();
    let own = holders.iter().find(|holder| holder.owner == me).map_or(0, |holder| holder.counted);
    let has_its_part = |most| (ask.keep..=free_of(most)).contains(&basic_part(most, own));
    if ask.leaves && wanted == 0 && ask.need == 0 && has_its_part(ask.most) && has_its_part(least) {
        return Settled { row: None, given: Given { name: ask.name.clone(), units: None, wanted }, news: false };
    }
    let queued = mine.filter(|row| row.wants > 0).map(|row| row.since);
    let before = others.iter().filter(in_line).filter(|row| queued.is_none_or(|since| row.since < since));
    let reserved: u32 = before.map(|row| row.wants).sum();
    let left = free - keep;
    let needed = ask.need.min(left.saturating_sub(reserved));
    let wished = if wanted == 0 { ask.wish.min(left - needed) } else { 0 };
    let (units, wants) = (keep + needed + wished, ask.need - needed);
    let since = queued.filter(|_| needed == 0 && wants > 0).unwrap_or(next);
    let news = (wants > 0 && mine.is_none_or(|row| row.wants != wants)) || (wanted > 0 && units < free);
    let row = Some(Row { owner: me.to_owned(), most: ask.most, units, wants, since });
    let missing = wanted.saturating_sub(free_of(least).saturating_sub(units));
    let given = Given { name: ask.name.clone(), units: Some(units), wanted: missing };
    Settled { row, given, news }
}

/// The basic parts of the others that have no row.
fn basic(me: &str, (most, lasting): (u32, bool), rows: &[Row], holders: &[Holder]) -> u32 {
    let without = |holder: &&Holder| holder.owner != me && !rows.iter().any(|row| row.owner == holder.owner);
    let counted = holders.iter().filter(without).filter(|holder| lasting || !holder.dead);
    counted.map(|holder| basic_part(most, holder.counted)).sum()
}

/// Sessions end with their process; what it has sent in the last minute does not.
fn counts(holders: &[Holder], owner: &str, lasting: bool) -> bool {
    holders.iter().any(|holder| holder.owner == owner && (lasting || !holder.dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever does not know of a lower limit yet would otherwise have its part of it, beside those who have it all.
    #[test]
    fn a_basic_part_has_to_hold_by_the_lowest_limit_that_anybody_knows() {
        let holder = |owner: &&str| Holder { owner: (*owner).to_owned(), counted: 3, dead: false, over: None };
        let holders: Vec<_> = ["a", "b", "c"].iter().map(holder).collect();
        let row = |owner: &str, most, units| Row { owner: owner.into(), most, units, wants: 0, since: 0 };
        let ask = Ask { name: "desk".into(), most: 6, lasting: false, keep: 0, need: 0, wish: 0, leaves: true };
        for (most, units) in [(3, Some(0)), (6, None)] {
            let rows = [row("a", 6, 0), row("b", most, 3), row("c", most, 0)];
            assert_eq!(settle("a", &ask, &rows, &holders, 1).given.units, units, "limit {most}");
        }
    }
}
