use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::catalogue::{CATALOGUE, Described, Kind};

/// What is read when a monitor asks, by the names of the catalogue.
#[derive(Debug, Default)]
pub struct Sheet(BTreeMap<&'static str, Vec<(Labels, f64)>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Labels(Vec<(&'static str, String)>);

impl Sheet {
    /// A value. What is not in the catalogue is not told.
    pub fn put(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.entry(name).or_default().push((Labels(labels), value));
    }

    /// The same of a count.
    #[expect(clippy::cast_precision_loss, reason = "nothing here is counted beyond 2^53")]
    pub fn count(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.put(name, labels, value as f64);
    }

    fn described(&self, described: &Described) -> Option<&Vec<(Labels, f64)>> {
        self.0.get(described.name).filter(|samples| !samples.is_empty())
    }
}

impl Collector for Sheet {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for described in CATALOGUE {
            let Some(samples) = self.described(described) else { continue };
            let kind = if described.kind == Kind::Counter { MetricType::Counter } else { MetricType::Gauge };
            let help = format!("{}.", described.meaning);
            let mut family = encoder.encode_descriptor(described.base(), &help, None, kind)?;
            for (labels, value) in samples {
                if labels.0.is_empty() {
                    write(&mut family, described.kind, *value)?;
                } else {
                    write(&mut family.encode_family(labels)?, described.kind, *value)?;
                }
            }
        }
        Ok(())
    }
}

fn write(sample: &mut MetricEncoder<'_>, kind: Kind, value: f64) -> fmt::Result {
    match kind {
        Kind::Counter => sample.encode_counter::<NoLabelSet, _, f64>(&value, None),
        Kind::Gauge | Kind::Histogram => sample.encode_gauge(&value),
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        EncodeLabelSet::encode(&self.0.as_slice(), encoder)
    }
}
