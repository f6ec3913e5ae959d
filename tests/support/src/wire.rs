//! A wire between the product and a server, which can be cut without a word.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Passes everything on, until it is cut. Dropping it ends it.
pub struct Wire {
    /// Where it begins.
    pub address: SocketAddr,
    /// How often it was cut, and whether it is now.
    cut: watch::Sender<(u32, bool)>,
}

impl Wire {
    /// A wire to a server.
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, seen) = watch::channel((0, false));
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, server, seen, tasks.clone()));
        Self { address, cut }
    }

    /// From now on nothing passes, and nobody is told: what is open stays open, what is new is accepted.
    pub fn cut(&self) {
        self.cut.send_modify(|(times, cut)| (*times, *cut) = (*times + 1, true));
    }

    /// What is new from now on passes again; what was open when it was cut never does.
    pub fn mend(&self) {
        self.cut.send_modify(|(_, cut)| *cut = false);
    }
}

async fn accept(
    listener: TcpListener,
    server: String,
    cut: watch::Receiver<(u32, bool)>,
    tasks: TaskTracker,
) {
    let mut owner = cut.clone();
    loop {
        tokio::select! {
            // The wire was dropped.
            gone = owner.changed() => if gone.is_err() { return },
            Ok((from, _)) = listener.accept() => {
                tasks.spawn(pass(from, server.clone(), cut.clone()));
            }
        }
    }
}

async fn pass(mut from: TcpStream, server: String, mut cut: watch::Receiver<(u32, bool)>) {
    let (times, is_cut) = *cut.borrow_and_update();
    if !is_cut {
        let Ok(mut to) = TcpStream::connect(&server).await else { return };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut from, &mut to) => return,
            _ = cut.wait_for(|(cut, _)| *cut > times) => {}
        }
        // The server sees an end, as of a host that went away; the other side sees nothing.
        drop(to);
    }
    while cut.changed().await.is_ok() {}
}
