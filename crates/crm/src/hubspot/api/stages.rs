//! What the stages of a portal's pipelines mean.

use std::collections::HashMap;

use afterglow_domain::Timestamp;

use super::wire::{Pipeline, StageMetadata};
use crate::snapshot::Status;

/// Stage ids and their meaning. Won is closed with probability 1.0, or what the connection lists.
#[derive(Debug)]
pub(super) struct Stages(HashMap<String, Status>);

impl Stages {
    pub(super) fn new(pipelines: Vec<Pipeline>, won: &[String]) -> Self {
        let stages = pipelines.into_iter().flat_map(|pipeline| pipeline.stages);
        let mut known: HashMap<_, _> = stages
            .map(|stage| {
                let listed = meaning(&stage.metadata);
                // With a list of the connection's own, a won stage that is not on it is still on its way.
                let status = if listed == Status::Won && !won.is_empty() { Status::Open } else { listed };
                (stage.id, status)
            })
            .collect();
        known.extend(won.iter().map(|stage| (stage.clone(), Status::Won)));
        Self(known)
    }

    /// The meaning of a stage; `None` where no pipeline has it.
    pub(super) fn status(&self, stage: &str) -> Option<Status> {
        self.0.get(stage).copied()
    }

    /// When the deal last came from a stage that is not won into one that is.
    pub(super) fn won_at(&self, history: &[(Timestamp, String)]) -> Option<Timestamp> {
        let mut latest = None;
        let mut was_won = false;
        for (at, stage) in history {
            let is_won = self.status(stage) == Some(Status::Won);
            if is_won && !was_won {
                latest = Some(*at);
            }
            was_won = is_won;
        }
        latest
    }
}

fn meaning(metadata: &StageMetadata) -> Status {
    if metadata.is_closed.as_deref() != Some("true") {
        return Status::Open;
    }
    let probability = metadata.probability.as_deref().unwrap_or_default();
    let (whole, fraction) = probability.split_once('.').unwrap_or((probability, ""));
    if whole == "1" && fraction.bytes().all(|b| b == b'0') { Status::Won } else { Status::Lost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hubspot::api::wire::PipelineStage;

    fn stages(won: &[&str]) -> Stages {
        let stage = |id: &str, closed: &str, probability: &str| PipelineStage {
            id: id.to_owned(),
            metadata: StageMetadata { is_closed: Some(closed.into()), probability: Some(probability.into()) },
        };
        let stages = vec![
            stage("sent", "false", "0.9"),
            stage("sure", "false", "1.0"),
            stage("closedwon", "true", "1.0"),
            stage("77", "true", "1"),
            stage("closedlost", "true", "0.0"),
        ];
        Stages::new(vec![Pipeline { stages }], &won.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn won_is_closed_and_certain_unless_the_connection_says_otherwise() {
        let usual = stages(&[]);
        for (stage, status) in [
            ("sent", Some(Status::Open)),
            ("sure", Some(Status::Open)),
            ("closedwon", Some(Status::Won)),
            ("77", Some(Status::Won)),
            ("closedlost", Some(Status::Lost)),
            ("elsewhere", None),
        ] {
            assert_eq!(usual.status(stage), status, "{stage}");
        }
        let listed = stages(&["77", "sent"]);
        assert_eq!(listed.status("closedwon"), Some(Status::Open));
        assert_eq!(listed.status("sent"), Some(Status::Won));
        assert_eq!(listed.status("closedlost"), Some(Status::Lost));
    }

    #[test]
    fn won_at_is_the_last_way_into_a_won_stage() {
        let history = |stages: &[&str]| -> Vec<_> {
            (0..).zip(stages).map(|(at, stage)| (Timestamp(at), (*stage).to_owned())).collect()
        };
        let won_at = |list: &[&str]| stages(&[]).won_at(&history(list));
        assert_eq!(won_at(&["sent", "closedwon"]), Some(Timestamp(1)));
        assert_eq!(won_at(&["closedwon", "77"]), Some(Timestamp(0)), "from won to won is no new win");
        assert_eq!(won_at(&["closedwon", "sent", "closedwon"]), Some(Timestamp(2)));
        assert_eq!(won_at(&["sent"]), None);
    }
}
