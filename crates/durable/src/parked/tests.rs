//! What is published of a record that cannot be used, and as whose.

use afterglow_events::Topic;
use afterglow_events::record::{Header, header_name};

use super::*;

const LARGE: usize = 3 * Record::VALUE_BYTES_MAX;

type Headers<'a> = &'a [(&'a str, &'a [u8])];

fn letter(key: &[u8], headers: Headers<'_>, value: &[u8]) -> ParkedLetter {
    let headers = headers.iter().map(|(name, value)| (header_name(name), Bytes::copy_from_slice(value)));
    let record = Record {
        topic: Topic::Deals,
        key: Bytes::copy_from_slice(key),
        headers: headers.collect(),
        value: Bytes::copy_from_slice(value),
    };
    let received = Received { record, partition: 3, offset: 99, taken_at: Timestamp(1) };
    letter_of("test", &received, "for the test".to_owned(), Timestamp(2))
}

fn told(letter: &ParkedLetter, encoding: Encoding) -> (Event, proto::DeadLetter) {
    let record = outbox_of("test", letter, Shard::of("a"), encoding).record;
    assert!(record.value.len() <= Record::VALUE_BYTES_MAX, "{}", record.value.len());
    let event = Event::from_record(&record).unwrap();
    let Body::DeadLetter(message) = &event.body else { panic!("{event:?}") };
    (event.clone(), (**message).clone())
}

#[test]
fn a_record_that_fits_is_told_whole() {
    let letter = letter(b"acme/ext:a:1", &[("ce_id", b"7"), ("x", &[0xff])], &[0, 0xff]);
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let (event, message) = told(&letter, encoding);
        assert_eq!(event.envelope.tenant.as_str(), "acme");
        assert_eq!((message.topic.as_str(), message.partition, message.offset), (Topic::Deals.name(), 3, 99));
        assert_eq!((&message.key, &message.value, message.cut_bytes), (&letter.key, &letter.value, 0));
        let headers: Vec<Header> =
            message.headers.into_iter().map(|header| (header.name.into(), header.value)).collect();
        assert_eq!(headers, letter.headers);
    }
}

#[test]
fn whatever_is_too_large_is_cut_and_counted() {
    let large = vec![b'a'; LARGE];
    let many: Vec<(&str, &[u8])> = vec![("", b""); 100_000];
    let cases = [
        letter(b"a", &[("ce_id", b"7")], &large),
        letter(&large, &[("ce_id", b"7")], b"v"),
        letter(b"a", &[("ce_id", b"7"), ("x", &large)], b"v"),
        letter(b"a", &many, b"v"),
    ];
    for letter in cases {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let (_, message) = told(&letter, encoding);
            let kept: usize =
                message.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
            let kept = kept + message.key.len() + message.value.len();
            let whole: usize = letter.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            let whole = whole + letter.key.len() + letter.value.len();
            assert_eq!(usize::try_from(message.cut_bytes).unwrap(), whole - kept);
        }
    }
}

#[test]
fn a_letter_is_told_as_its_key_s_tenant_and_as_nobody_s_where_the_headers_disagree() {
    let cases: [(&[u8], Headers<'_>, &str); 6] = [
        (b"acme/ext:a:1", &[], "acme"),
        (b"acme/ext:a:1", &[("ce_tenant", b"acme")], "acme"),
        (b"acme/ext:a:1", &[("ce_tenant", b"umbrella")], UNKNOWN_TENANT),
        (b"", &[("ce_tenant", b"umbrella")], UNKNOWN_TENANT),
        (&[0xff], &[], UNKNOWN_TENANT),
        (b"No Tenant", &[], UNKNOWN_TENANT),
    ];
    for (key, headers, tenant) in cases {
        let (event, _) = told(&letter(key, headers, b""), Encoding::Protobuf);
        assert_eq!(event.envelope.tenant.as_str(), tenant, "{key:?} {headers:?}");
    }
}
