//! Which properties of Kafka's client are the user's to set.
//!
//! Invariant: none of them is, under any of its names, one that the log sets itself, so it does not matter in
//! which order the client is told; only the codec has a default of ours, which the user's replaces. What is not
//! listed is refused, whatever a later librdkafka understands.
//!
//! Deliberately absent: what runs programs or loads libraries, and what this build's librdkafka cannot do.

/// The user's, by librdkafka's names.
pub const PROPERTIES: &[&str] = &[
    "broker.address.family",
    "broker.address.ttl",
    "client.dns.lookup",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "enable.metrics.push",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.config",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.sigalgs.list",
];

/// Why a property cannot be set, and what to do instead, to stand behind its name; nothing for one that can.
pub fn refusal(name: &str) -> Option<&'static str> {
    let below = |prefix: &str| name.starts_with(prefix);
    Some(match name {
        _ if PROPERTIES.contains(&name) => return None,
        "bootstrap.servers" | "metadata.broker.list" => "cannot be set here: say it as `brokers`",
        "linger.ms" | "queue.buffering.max.ms" => {
            "cannot be set here: the configuration says it as `linger_ms`"
        }
        "sasl.jaas.config" => "is for Java's client: write sasl.username and sasl.password instead",
        "ssl.keystore.type" | "ssl.keystore.certificate.chain" | "ssl.keystore.key" => {
            "is for Java's client: write ssl.certificate.location and ssl.key.location instead, two files in PEM"
        }
        _ if below("ssl.truststore.") => {
            "is for Java's client: write ssl.ca.location instead, a file with the CA's certificate in PEM"
        }
        _ if name.contains(".class") => "is for Java's client: remove it",
        _ if below("sasl.kerberos.") => {
            "cannot be set: this build has no Kerberos, use SCRAM, PLAIN or ssl.key.*"
        }
        _ if below("sasl.oauthbearer.") || below("https.ca.") => {
            "cannot be set: this build has no OIDC, use SCRAM, PLAIN or ssl.key.*"
        }
        _ => {
            "cannot be set: Afterglow sets what its log rests on itself; remove it, or correct the spelling \
             (deploy/afterglow.toml lists what can be set)"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_user_s_is_not_refused_and_everything_else_is() {
        for name in PROPERTIES.iter().copied() {
            assert_eq!(refusal(name), None, "{name}");
        }
        let ours = ["acks", "request.required.acks", "delivery.timeout.ms", "group.instance.id"];
        let odd =
            ["plugin.library.paths", "ssl.engine.location", "debug", "sasl.pasword", "SASL.password", ""];
        for name in ours.into_iter().chain(odd) {
            assert!(refusal(name).unwrap().contains("remove it"), "{name}");
        }
    }

    #[test]
    fn names_of_java_s_client_are_answered_with_ours() {
        for (java, ours) in [
            ("sasl.jaas.config", "sasl.password"),
            ("ssl.truststore.location", "ssl.ca.location"),
            ("ssl.truststore.password", "ssl.ca.location"),
            ("ssl.keystore.key", "ssl.key.location"),
            ("sasl.login.callback.handler.class", "remove it"),
        ] {
            assert!(refusal(java).unwrap().contains(ours), "{java}");
        }
    }
}
