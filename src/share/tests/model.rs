use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::shares::{
    Ask, Beat, Given, Held, Holder, Row, Shared, Standing, Want, Wanted, basic_part, settle, turn,
};

/// The store's side, in memory: what a database does under its locks.
#[derive(Debug, Default)]
pub(super) struct Model {
    holders: Vec<Stored>,
    limits: BTreeMap<String, Limit>,
    clock: i64,
}

#[derive(Debug)]
struct Stored {
    owner: String,
    counted: u32,
    dead: bool,
    ends: Instant,
}

#[derive(Debug)]
struct Limit {
    most: u32,
    lasting: bool,
    rows: Vec<Row>,
}

impl Model {
    fn seen(&self, now: Instant) -> Vec<Holder> {
        let over = |ends: Instant| (ends <= now).then(|| now.duration_since(ends));
        let holder = |stored: &Stored| Holder {
            owner: stored.owner.clone(),
            counted: stored.counted,
            dead: stored.dead,
            over: over(stored.ends),
        };
        self.holders.iter().map(holder).collect()
    }

    pub(super) fn share(&mut self, owner: &str, asks: &[Ask], now: Instant) -> (Shared, bool) {
        let holders = self.seen(now);
        if !holders.iter().any(|holder| holder.owner == owner && !holder.dead) {
            return (Shared::Lapsed, false);
        }
        let mut news = false;
        let given: Vec<Given> = asks
            .iter()
            .map(|ask| {
                self.clock += 1;
                let limit = self.limits.entry(ask.name.to_string()).or_insert(Limit {
                    most: 0,
                    lasting: ask.lasting,
                    rows: Vec::new(),
                });
                limit.most = ask.most;
                let settled = settle(owner, ask, &limit.rows, &holders, self.clock);
                limit.rows.retain(|row| row.owner != owner);
                limit.rows.extend(settled.row);
                news |= settled.news;
                settled.given
            })
            .collect();
        self.limits.retain(|_, limit| !limit.rows.is_empty());
        (Shared::Given(given), news)
    }

    pub(super) fn hold(&mut self, beat: &Beat, now: Instant) -> Standing {
        let turn = turn(beat, &self.seen(now));
        self.holders.retain(|holder| !turn.gone.contains(&holder.owner));
        for limit in self.limits.values_mut() {
            let goes = |row: &Row| turn.gone.contains(&row.owner) || (turn.lapsed && row.owner == beat.owner);
            limit.rows.retain(|row| !goes(row));
        }
        for holder in self.holders.iter_mut().filter(|holder| turn.dead.contains(&holder.owner)) {
            holder.dead = true;
        }
        let grows = turn.counted > 0 && (turn.before == 0 || turn.counted < turn.before);
        for limit in self.limits.values_mut().filter(|_| grows) {
            if !limit.rows.iter().any(|row| row.owner == beat.owner) {
                let units = basic_part(limit.most, turn.before);
                limit.rows.push(Row { owner: beat.owner.clone(), most: limit.most, units, wants: 0, since: 0 });
            }
        }
        self.holders.retain(|holder| holder.owner != beat.owner);
        let stored =
            Stored { owner: beat.owner.clone(), counted: turn.counted, dead: beat.leaves, ends: now + beat.lease };
        self.holders.push(stored);
        let rows = (grows || turn.lapsed || turn.before != beat.believes).then(|| self.rows_of(&beat.owner));
        Standing { holders: turn.holders, counted: turn.counted, lapsed: turn.lapsed, rows }
    }

    fn rows_of(&self, owner: &str) -> Vec<Held> {
        let held = self.limits.iter().flat_map(|(name, limit)| limit.rows.iter().map(move |row| (name, limit, row)));
        let own = held.filter(|(_, _, row)| row.owner == owner);
        own.map(|(name, limit, row)| Held {
            name: name.clone(),
            most: limit.most,
            lasting: limit.lasting,
            units: row.units,
        })
        .collect()
    }

    pub(super) fn wanted(&self, owner: &str, now: Instant) -> Wanted {
        let _ = now;
        let alive = |row: &&Row| self.holders.iter().any(|holder| holder.owner == row.owner && !holder.dead);
        let want = |(name, limit): (&String, &Limit)| {
            let wants = limit.rows.iter().filter(|row| row.owner != owner).filter(alive).map(|row| row.wants);
            Want { name: name.clone(), most: limit.most, lasting: limit.lasting, units: wants.sum() }
        };
        let wants = self.limits.iter().map(want).filter(|want| want.units > 0).collect();
        Wanted { holders: u32::try_from(self.holders.len()).unwrap(), wants }
    }

    /// Rows and basic parts of a limit, together.
    pub(super) fn claimed(&self, name: &str, most: u32) -> u32 {
        let rows = self.limits.get(name).map_or(&[][..], |limit| &limit.rows);
        let parts = self.holders.iter().filter(|holder| !holder.dead).map(|holder| {
            let row = rows.iter().find(|row| row.owner == holder.owner);
            row.map_or_else(|| basic_part(most, holder.counted), |row| row.units)
        });
        parts.sum()
    }
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
