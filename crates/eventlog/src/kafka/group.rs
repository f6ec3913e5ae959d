//! What the broker remembers of a consumer group: its members, and the offsets that it has committed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use afterglow_domain::Timestamp;
use afterglow_events::{Cursor, Topic};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::groups::GroupInfo;
use rdkafka::{Offset, TopicPartitionList};

use super::offset_mark;
use super::reader::Quiet;
use super::settings::{ASK, Settings, blocking, refused};
use crate::error::Error;
use crate::going_on::Group;

/// Where a partition is.
type Place = (Topic, u16);

/// What a group has committed for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) offset: i64,
    /// When the store wrote the checkpoint that goes with it; `None` where others have committed.
    pub(super) mark: Option<Timestamp>,
}

/// A group as the broker knew it when it was asked.
pub struct KafkaGroup {
    settings: Arc<Settings>,
    name: String,
    members: usize,
    committed: BTreeMap<Place, Committed>,
}

impl KafkaGroup {
    /// Asks the broker.
    pub(super) async fn look(settings: Arc<Settings>, name: &str) -> Result<Self, Error> {
        let name = name.to_owned();
        blocking(move || {
            let client = connect(&settings, &name)?;
            let known_as = settings.group_name(&name);
            let groups = client.fetch_group_list(Some(&known_as), ASK);
            let groups = groups.map_err(|error| settings.unavailable(&error))?;
            let members = groups.groups().iter().filter(|group| group.name() == known_as);
            let members = members.map(|group: &GroupInfo| group.members().len()).sum();
            let every = |topic| (0..settings.partitions).map(move |partition| (topic, partition));
            let places: Vec<Place> = Topic::ALL.into_iter().flat_map(every).collect();
            let committed = committed(&settings, &client, &places)?;
            let of_place = |(place, committed): (Place, Option<Committed>)| Some((place, committed?));
            let committed = places.into_iter().zip(committed).filter_map(of_place).collect();
            Ok(Self { settings, name, members, committed })
        })
        .await
    }
}

impl Group for KafkaGroup {
    fn members(&self) -> usize {
        self.members
    }

    fn start(&self, place: Place, cursor: Option<&Cursor>) -> Result<Option<i64>, String> {
        start(cursor, self.committed.get(&place).copied())
    }

    /// A commit of no member, which the broker refuses while there is one.
    async fn move_to(&self, cursors: Vec<Cursor>) -> Result<(), Error> {
        if cursors.is_empty() {
            return Ok(());
        }
        let (settings, name) = (self.settings.clone(), self.name.clone());
        blocking(move || {
            let client = connect(&settings, &name)?;
            let list = offset_mark::list(&settings, &cursors);
            let moved = list.and_then(|list| client.commit(&list, CommitMode::Sync));
            moved.map_err(|error| {
                settings.unavailable(&error).about("the group cannot be moved; has it members?")
            })
        })
        .await
    }
}

/// A client that may ask about a group and move it; it joins nothing.
fn connect(settings: &Settings, name: &str) -> Result<BaseConsumer<Quiet>, Error> {
    let client = settings.member(name).create_with_context(Quiet::new(settings));
    client.map_err(|error| refused(&error))
}

/// What the client's group has committed for each of these partitions.
pub(super) fn committed<X: ConsumerContext>(
    settings: &Settings,
    client: &BaseConsumer<X>,
    places: &[Place],
) -> Result<Vec<Option<Committed>>, Error> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        list.add_partition(&settings.topic_name(*topic), i32::from(*partition));
    }
    let answered = client.committed_offsets(list, ASK).map_err(|error| settings.unavailable(&error))?;
    let of = |(topic, partition): &Place| {
        let name = settings.topic_name(*topic);
        let Some(element) = answered.find_partition(&name, i32::from(*partition)) else {
            return Ok(None);
        };
        element.error().map_err(|error| settings.unavailable(&error))?;
        let Offset::Offset(offset) = element.offset() else { return Ok(None) };
        // The library panics where a stranger's text is not UTF-8: not one of ours.
        let metadata = AssertUnwindSafe(|| offset_mark::read(element.metadata()));
        Ok(Some(Committed { offset, mark: catch_unwind(metadata).ok().flatten() }))
    };
    places.iter().map(of).collect()
}

/// The offset to go on at, `None` for the beginning; or why cursor and group do not fit.
pub(super) fn start(cursor: Option<&Cursor>, committed: Option<Committed>) -> Result<Option<i64>, String> {
    match (cursor, committed) {
        (None, None) => Ok(None),
        (None, Some(Committed { offset, .. })) => {
            Err(format!("the group is at offset {offset}, the store has no checkpoint: is it another one?"))
        }
        (Some(cursor), None) => Ok(Some(cursor.next_offset)),
        (Some(cursor), Some(Committed { offset, mark })) => {
            let next = cursor.next_offset;
            match mark {
                _ if offset <= next && mark.is_some() => Ok(Some(next)),
                _ if offset == next => Ok(Some(next)),
                Some(mark) if mark < cursor.at => Ok(Some(next)),
                Some(_) => Err(format!(
                    "the group is at offset {offset}, the store is older and at {next}: was it restored?"
                )),
                None => {
                    Err(format!("the group was moved to offset {offset} by hand, the store is at {next}"))
                }
            }
        }
    }
}
