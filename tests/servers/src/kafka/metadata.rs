//! Whether a broker is ready, asked in its own protocol: its port opens seconds before it can be used.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long one question may take.
const ASK: Duration = Duration::from_secs(2);

/// A metadata request of version 4 about no topic: length, key 3, version, correlation, no client id, an
/// empty array, and no topic is to be made.
const REQUEST: [u8; 19] = [0, 0, 0, 15, 0, 3, 0, 4, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0, 0];

/// Whether the broker names itself as one that takes records.
pub(crate) async fn answers(address: &str) -> bool {
    matches!(tokio::time::timeout(ASK, brokers(address)).await, Ok(Ok(1..)))
}

/// How many brokers the answer lists.
async fn brokers(address: &str) -> std::io::Result<i32> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&REQUEST).await?;
    // Length, correlation and throttle time stand before the array of brokers.
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    stream.read_i32().await
}
