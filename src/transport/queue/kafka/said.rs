//! What Kafka's and librdkafka's codes mean, in our words.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::producer::Cluster;
use crate::domain::outcome::{Answer, NoAnswer, Refusal};

/// What has become of a message of this size for this topic; `None`: it may not be named.
pub(super) fn of(error: &KafkaError, topic: Option<&str>, size: usize) -> Answer {
    let refused = |why: Refusal, detail: &str| Answer::Refused { why, detail: detail.to_owned() };
    let nothing = |why: NoAnswer, detail: &str| Answer::Nothing { why, detail: detail.to_owned() };
    let Some(code) = error.rdkafka_error_code() else { return nothing(NoAnswer::Protocol, "") };
    if let Some(answer) = of_brokers(error) {
        return answer;
    }
    match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => not_there(topic),
        Code::TopicAuthorizationFailed => {
            let topic = topic.map_or_else(|| "that topic".to_owned(), |topic| format!("the topic {topic}"));
            refused(Refusal::Denied, &format!("Kafka's ACLs do not let us write to {topic}; allow Describe and Write"))
        }
        Code::ClusterAuthorizationFailed => {
            refused(Refusal::Denied, "Kafka's ACLs do not let us be an idempotent producer; allow IdempotentWrite")
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => refused(
            Refusal::TooLarge,
            &format!("it has {size} bytes: see message.max.bytes of the brokers, or max.message.bytes of the topic"),
        ),
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => {
            refused(Refusal::Busy, "fewer replicas are in sync than its min.insync.replicas")
        }
        Code::QueueFull => refused(Refusal::Busy, "too many messages wait for Kafka's acknowledgement"),
        Code::LeaderNotAvailable | Code::NotLeaderForPartition => {
            refused(Refusal::Busy, "its partition has no leader now")
        }
        Code::InvalidTopic => refused(Refusal::Unfit, "Kafka has no topics of such a name"),
        Code::InvalidRecord => refused(Refusal::Unfit, "Kafka calls it an invalid record"),
        Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut => {
            nothing(NoAnswer::Timeout, "Kafka has not acknowledged it in time")
        }
        Code::PurgeQueue | Code::PurgeInflight => nothing(NoAnswer::Reset, "the producer has ended"),
        code => refused(Refusal::Other, &format!("Kafka's code is {}", code as i32)),
    }
}

/// What it means for all that is sent; `None`: nothing.
pub(super) fn of_brokers(error: &KafkaError) -> Option<Answer> {
    let (why, detail) = match error.rdkafka_error_code()? {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::IllegalSASLState
        | Code::UnsupportedSASLMechanism => {
            let detail = "Kafka does not let this user in by SASL PLAIN; look at user and password in `url`, and whether \
                          that is what its listener wants";
            return Some(Answer::Refused { why: Refusal::Denied, detail: detail.to_owned() });
        }
        Code::AllBrokersDown => (
            NoAnswer::Connect,
            "no broker of the cluster can be spoken to; where something listens, it may want TLS, or a user and password",
        ),
        Code::Resolve => {
            (NoAnswer::Dns, "the brokers' own names lead nowhere from here; look at their advertised.listeners")
        }
        _ => return None,
    };
    Some(Answer::Nothing { why, detail: detail.to_owned() })
}

/// The topic's partitions in words, if it is there. `named`: it may be named.
pub(super) fn of_topic(cluster: &Cluster, topic: &str, named: bool) -> Result<String, Answer> {
    let shown = named.then_some(topic);
    let Some(found) = cluster.topics.iter().find(|found| found.name == topic) else { return Err(not_there(shown)) };
    if let Some(error) = &found.error {
        return Err(of(error, shown, 0));
    }
    let partitions = match found.partitions {
        0 => return Err(not_there(shown)),
        1 => "1 partition".to_owned(),
        several => format!("{several} partitions"),
    };
    Ok(match found.partitions - found.led {
        0 => partitions,
        unled => format!("{partitions}, of which {unled} have no leader now"),
    })
}

fn not_there(topic: Option<&str>) -> Answer {
    let topic = topic.map_or_else(|| "the topic".to_owned(), |topic| format!("the topic {topic}"));
    Answer::Refused { why: Refusal::NotThere, detail: format!("{topic} is not there; create it") }
}
