//! Topics that are not the product's.

use afterglow_clients::operator;
use afterglow_support::cluster::PARTITIONS;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_with_another_number_of_partitions_is_named_at_the_start() {
    let product = Product::new().await;
    for topic in Topic::ALL {
        let partitions = if topic == Topic::Deals { 8 } else { PARTITIONS };
        operator::make_topic(&product.cluster, topic, partitions, &[]).await;
    }
    product.world.migrate().await;
    let wanted = format!("{}afterglow.deals.v1 has 8 partitions, not 4", product.cluster.topic_prefix);
    for role in ["ingest", "journey-engine", "dispatcher"] {
        let mut role = product.world.launch_role(role);
        product.world.until_readyz(&mut role, "the topic is named", |_, body| body.contains(&wanted)).await;
        assert_eq!(role.process.terminate().await, Some(0));
    }
}
