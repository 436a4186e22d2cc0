//! The members of a JSON object, each read by itself: one that is odd spoils no other. A rotated refresh token exists
//! nowhere but in the one answer that brings it, so that answer has to be read whatever stands beside it.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// Members in their order; a name may come twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// The last member of that name, if it is of that type.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.all(name).last().and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// The same, if all members of that name say it: two that differ say nothing.
    pub(super) fn only<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let first = self.all(name).next()?.get();
        self.all(name).all(|value| value.get() == first).then(|| self.get(name)).flatten()
    }

    /// A text that is not empty: an empty one is none.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).filter(|text: &String| !text.is_empty())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &RawValue> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_ref())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Fields(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Nobody writes answers: the oauth2 crate asks for it and does not use it.
impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A body as strict JSON readers want it: without a byte order mark, without the control characters that some servers leave in
/// texts (a blank is as good), and in UTF-8.
pub(super) fn readable(body: &[u8]) -> Vec<u8> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    text.bytes().map(|octet| if octet < b' ' { b' ' } else { octet }).collect()
}
