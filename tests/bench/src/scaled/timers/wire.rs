//! Counts round trips on the wire: a relay of bytes in front of the database.
//!
//! A round trip is the client beginning to send after the server has answered: so it is counted what a
//! network would have to carry, whatever library or statement it was. Only for counting: it costs time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Larger than most statements; what is longer comes in parts and is one question all the same.
const CHUNK_BYTES: usize = 64 * 1024;

/// A counting relay. Dropping it closes its connections.
pub(super) struct Wire {
    trips: Arc<AtomicU64>,
    port: u16,
    _accepting: JoinSet<()>,
}

impl Wire {
    /// Listens in front of a port on loopback.
    pub(super) async fn before(server: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, trips) = (listener.local_addr()?.port(), Arc::<AtomicU64>::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, server, trips.clone()));
        Ok(Self { trips, port, _accepting: accepting })
    }

    /// The URL of a database with this in between.
    pub(super) async fn of(url: &str) -> anyhow::Result<(Self, String)> {
        let address = url.split(['@', '/']).nth(3).context("a URL has an address")?;
        let (host, port) = address.rsplit_once(':').context("an address has a port")?;
        let wire = Self::before(port.parse()?).await?;
        let url = url.replacen(address, &format!("{host}:{}", wire.port), 1);
        Ok((wire, url))
    }

    /// How often a client has asked until now.
    pub(super) fn trips(&self) -> u64 {
        self.trips.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, server: u16, trips: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
        // Whatever waits for company would be a delay that is not there without us.
        let _as_it_was = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let (asked, trips) = (Arc::<AtomicBool>::default(), trips.clone());
        let answered = asked.clone();
        connections.spawn(pass(from_client, to_server, move || {
            if !asked.swap(true, Ordering::SeqCst) {
                trips.fetch_add(1, Ordering::SeqCst);
            }
        }));
        connections.spawn(pass(from_server, to_client, move || answered.store(false, Ordering::SeqCst)));
    }
}

/// Passes bytes on until one side ends; tells of each part before it goes on.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, told: impl Fn()) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        told();
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_is_one_trip_however_long_it_and_its_answer_are() {
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (wire, url) = {
            let port = server.local_addr().unwrap().port();
            Wire::of(&format!("postgres://a@127.0.0.1:{port}/b?c=d")).await.unwrap()
        };
        assert_eq!(url, format!("postgres://a@127.0.0.1:{}/b?c=d", wire.port));
        let mut client = TcpStream::connect(("127.0.0.1", wire.port)).await.unwrap();
        let (mut other_side, _) = server.accept().await.unwrap();
        for asked in 1..=3 {
            let mut bytes = vec![0; 5 * CHUNK_BYTES];
            for (from, to) in [(&mut client, &mut other_side)] {
                tokio::join!(async { from.write_all(&vec![1; 5 * CHUNK_BYTES]).await.unwrap() }, async {
                    to.read_exact(&mut bytes).await.unwrap()
                });
                assert_eq!(wire.trips(), asked);
                tokio::join!(async { to.write_all(&vec![2; 5 * CHUNK_BYTES]).await.unwrap() }, async {
                    from.read_exact(&mut bytes).await.unwrap()
                });
            }
        }
        assert_eq!(wire.trips(), 3);
    }
}
