//! An examination goes on at one replica, and is looked at through any: as far as it has come it is kept in the store, for as long
//! as where it goes on.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::admin::Desk;
use crate::clock;
use crate::doctor::{End, Publish, Seen};
use crate::store::{Kind, Saved, Store, StoreError};

/// As long as one may take, and is kept where it went on.
const LIFE: Duration = Duration::from_mins(25);

/// How the others come to see it, where there are others.
#[must_use]
pub fn published(store: &Arc<dyn Store>) -> Option<Publish> {
    let store = Arc::clone(store);
    store.is_shared().then(|| {
        let publish: Publish = Arc::new(move |seen| {
            let store = Arc::clone(&store);
            Box::pin(async move {
                // Where it cannot be kept, it can be seen where it goes on.
                if let Err(fault) = keep(store.as_ref(), &seen).await {
                    warn!(error = %fault, "store.failed");
                }
            })
        });
        publish
    })
}

async fn keep(store: &dyn Store, seen: &Seen) -> Result<Saved, StoreError> {
    let record = store.record(Kind::Examination, &seen.id).await?;
    store.put(record.with(serde_json::to_string(seen).ok()), Some(LIFE)).await
}

/// One as far as it has come, wherever it goes on.
pub(in crate::admin) async fn look(desk: &Desk, id: &str) -> Result<Option<Seen>, StoreError> {
    if let Some(seen) = desk.rounds.look(id) {
        return Ok(Some(seen));
    }
    if !desk.store.is_shared() {
        return Ok(None);
    }
    let content = desk.store.record(Kind::Examination, id).await?.content?;
    let seen = content.and_then(|content| serde_json::from_str::<Seen>(&content).ok());
    Ok(seen.map(|seen| if seen.is_lost(clock::now()) { Seen { end: Some(End::CutOff), ..seen } } else { seen }))
}
