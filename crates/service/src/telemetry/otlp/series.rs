//! From the text of `/metrics` to OTLP: the same series under the same names, by construction.
//!
//! The recorder gives its registry away as text only, and its text is of one regular form. Invariant: a line
//! that is not of that form is left out, and never makes an export fail.

use std::collections::BTreeMap;

use afterglow_domain::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// Names with values, in the order of the names.
type Labels = BTreeMap<String, String>;

/// Since when counters count, and when they were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) began: Timestamp,
    pub(super) now: Timestamp,
}

/// The export of a text.
pub(super) fn request(text: &str, window: Window, resource: Resource) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope { name: "afterglow".to_owned(), ..InstrumentationScope::default() };
    let metrics = families(text).into_iter().filter_map(|family| family.metric(window)).collect();
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }];
    let resource = Some(resource);
    let of_resource = ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![of_resource] }
}

/// The lines of one metric.
struct Family<'t> {
    name: &'t str,
    kind: &'t str,
    samples: Vec<Sample<'t>>,
}

struct Sample<'t> {
    name: &'t str,
    labels: Labels,
    value: f64,
}

fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.push(Family { name, kind, samples: Vec::new() });
        } else if let (Some(family), Some(sample)) = (families.last_mut(), sample(line)) {
            family.samples.push(sample);
        }
    }
    families
}

/// `name{label="value",…} 1.5`; `None` for comments and empty lines.
fn sample(line: &str) -> Option<Sample<'_>> {
    let name_end = line.find(['{', ' ']).filter(|_| !line.starts_with('#'))?;
    let (name, rest) = line.split_at(name_end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Labels::new(), rest),
    };
    Some(Sample { name, labels, value: value.trim().parse().ok()? })
}

/// Reads up to the closing brace; what is behind it comes back, too.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, behind) = quoted_text(quoted)?;
        labels.insert(name.to_owned(), value);
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
}

fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

impl Family<'_> {
    fn metric(self, window: Window) -> Option<Metric> {
        let cumulative = AggregationTemporality::Cumulative.into();
        let data = match self.kind {
            "counter" => Data::Sum(Sum {
                data_points: self.numbers(window),
                aggregation_temporality: cumulative,
                is_monotonic: true,
            }),
            "gauge" => Data::Gauge(Gauge { data_points: self.numbers(window) }),
            "histogram" => Data::Histogram(Histogram {
                data_points: self.histograms(window),
                aggregation_temporality: cumulative,
            }),
            _ => return None,
        };
        Some(Metric { name: self.name.to_owned(), data: Some(data), ..Metric::default() })
    }

    fn numbers(&self, window: Window) -> Vec<NumberDataPoint> {
        let point = |sample: &Sample<'_>| NumberDataPoint {
            attributes: attributes(&sample.labels),
            start_time_unix_nano: nanoseconds(window.began),
            time_unix_nano: nanoseconds(window.now),
            value: Some(Number::AsDouble(sample.value)),
            ..NumberDataPoint::default()
        };
        self.samples.iter().map(point).collect()
    }

    fn histograms(&self, window: Window) -> Vec<HistogramDataPoint> {
        let mut points: BTreeMap<Labels, Distribution> = BTreeMap::new();
        for sample in &self.samples {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le");
            let point = points.entry(labels).or_default();
            match sample.name.strip_prefix(self.name) {
                Some("_sum") => point.sum = sample.value,
                Some("_count") => point.count = whole(sample.value),
                Some("_bucket") => match bound.as_deref().map(str::parse::<f64>) {
                    Some(Ok(bound)) if bound.is_finite() => point.below.push((bound, whole(sample.value))),
                    _ => {}
                },
                _ => {}
            }
        }
        points.into_iter().map(|(labels, point)| point.message(&labels, window)).collect()
    }
}

/// One histogram as the text has it: how many were at most each bound.
#[derive(Default)]
struct Distribution {
    below: Vec<(f64, u64)>,
    sum: f64,
    count: u64,
}

impl Distribution {
    fn message(self, labels: &Labels, window: Window) -> HistogramDataPoint {
        let upper = self.below.iter().map(|(_, count)| *count).chain([self.count]);
        let lower = [0].into_iter().chain(self.below.iter().map(|(_, count)| *count));
        HistogramDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: nanoseconds(window.began),
            time_unix_nano: nanoseconds(window.now),
            count: self.count,
            sum: Some(self.sum),
            bucket_counts: upper.zip(lower).map(|(upper, lower)| upper.saturating_sub(lower)).collect(),
            explicit_bounds: self.below.iter().map(|(bound, _)| *bound).collect(),
            ..HistogramDataPoint::default()
        }
    }
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let attribute = |(name, value): (&String, &String)| KeyValue {
        key: name.clone(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.clone())) }),
        ..KeyValue::default()
    };
    labels.iter().map(attribute).collect()
}

/// A count, which the text writes as any number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole and not negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

fn nanoseconds(at: Timestamp) -> u64 {
    at.0.unsigned_abs().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use metrics::{Key, Label, Level, Metadata, Recorder as _};
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    const METADATA: Metadata<'static> = Metadata::new("tests", Level::INFO, None);

    fn exported(text: &str) -> BTreeMap<String, Data> {
        let window = Window { began: Timestamp(1), now: Timestamp(2_000_000) };
        let request = request(text, window, Resource::default());
        let scopes = &request.resource_metrics[0].scope_metrics;
        scopes[0].metrics.iter().map(|metric| (metric.name.clone(), metric.data.clone().unwrap())).collect()
    }

    /// The real recorder's text, so that another form of it fails here.
    #[test]
    fn every_series_of_the_recorder_is_exported() {
        let recorder = PrometheusBuilder::new().set_buckets(&[0.1, 1.0]).unwrap().build_recorder();
        let odd = vec![Label::new("why", "a \"b\\c\" {d}, e=\"f\"\ng"), Label::new("z", "")];
        recorder.register_counter(&Key::from_parts("hits_total", odd), &METADATA).increment(7);
        recorder.register_counter(&Key::from_name("plain_total"), &METADATA).increment(1);
        recorder.register_gauge(&Key::from_name("level"), &METADATA).set(-2.5);
        let took =
            recorder.register_histogram(&Key::from_parts("took", vec![Label::new("by", "x")]), &METADATA);
        for seconds in [0.05, 0.5, 0.6, 4.0] {
            took.record(seconds);
        }
        let exported = exported(&recorder.handle().render());
        assert_eq!(exported.len(), 4);
        let Data::Sum(hits) = &exported["hits_total"] else { panic!("{exported:?}") };
        assert!(hits.is_monotonic);
        let point = &hits.data_points[0];
        assert_eq!((point.value, point.time_unix_nano), (Some(Number::AsDouble(7.0)), 2_000_000_000));
        let text = |key: &KeyValue| match &key.value.as_ref().unwrap().value {
            Some(Value::StringValue(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        let labels: Vec<_> = point.attributes.iter().map(|pair| (pair.key.as_str(), text(pair))).collect();
        assert_eq!(labels, [("why", "a \"b\\c\" {d}, e=\"f\"\ng".to_owned()), ("z", String::new())]);
        let Data::Gauge(level) = &exported["level"] else { panic!("{exported:?}") };
        assert_eq!(level.data_points[0].value, Some(Number::AsDouble(-2.5)));
        let Data::Histogram(took) = &exported["took"] else { panic!("{exported:?}") };
        let point = &took.data_points[0];
        assert_eq!((point.count, point.sum), (4, Some(5.15)));
        assert_eq!((&point.explicit_bounds, &point.bucket_counts), (&vec![0.1, 1.0], &vec![1, 2, 1]));
        assert_eq!(point.attributes[0].key, "by");
    }

    #[test]
    fn lines_of_another_form_are_left_out() {
        let text = "x 1\n# TYPE a gauge\na{b=\"c 1\na one\n\na 3\n# TYPE s summary\ns{quantile=\"0.5\"} 1\n";
        let exported = exported(text);
        let Data::Gauge(gauge) = &exported["a"] else { panic!("{exported:?}") };
        assert_eq!((exported.len(), gauge.data_points.len()), (1, 1));
    }
}
