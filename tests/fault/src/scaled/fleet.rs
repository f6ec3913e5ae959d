//! Two replicas of each role: killed, stopped, woken up.

use std::net::SocketAddr;
use std::sync::Arc;

use std::time::Duration;

use afterglow_servers::Supervised;
use afterglow_support::until::SOON;
use afterglow_support::{World, ports};
use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::victim::Victim;

/// Replicas of each role.
pub(super) const REPLICAS: usize = 2;

/// How long a replica may take to be ready, although everybody else starts at the same time.
const READY: Duration = Duration::from_mins(1);

/// The replicas.
pub(super) struct Fleet {
    world: Arc<World>,
    replicas: Vec<Replica>,
}

struct Replica {
    role: Victim,
    edge: SocketAddr,
    admin: SocketAddr,
    process: Mutex<Process>,
}

#[derive(Default)]
struct Process {
    running: Option<Supervised>,
    stopped: bool,
}

impl Fleet {
    /// Starts all replicas and waits for none.
    pub(super) fn launch(world: Arc<World>) -> Self {
        let roles = Victim::ROLES.into_iter().flat_map(|role| [role; REPLICAS]);
        let replicas = roles.map(|role| Replica::launch(role, &world)).collect();
        Self { world, replicas }
    }

    /// Where the edges take webhooks: what a load balancer knows.
    pub(super) fn edges(&self) -> Vec<SocketAddr> {
        self.of(Victim::Ingest).map(|replica| replica.edge).collect()
    }

    /// SIGKILL to a replica of the role that is not stopped, and a new start; nobody waits until it is ready, so
    /// the next kill may hit the start.
    pub(super) async fn kill(&self, role: Victim, dice: u64) {
        let first = usize::try_from(dice).unwrap_or(0) % REPLICAS;
        let replicas: Vec<&Replica> = self.of(role).collect();
        for at in [first, (first + 1) % REPLICAS] {
            let mut process = replicas[at].process.lock().await;
            if !process.stopped {
                replicas[at].kill(&mut process).await;
                process.running = Some(replicas[at].start(&self.world));
                return;
            }
        }
        panic!("every {role} is stopped");
    }

    /// SIGKILL to the first replica of each role; they stay away until [`Fleet::restart_first`].
    pub(super) async fn kill_first(&self) {
        join_all(self.nth(0).map(Replica::kill_and_leave)).await;
    }

    /// Starts the first replicas again and waits until they are ready.
    pub(super) async fn restart_first(&self) {
        for replica in self.nth(0) {
            replica.process.lock().await.running = Some(replica.start(&self.world));
        }
        join_all(self.nth(0).map(|replica| self.until_ready(replica))).await;
    }

    /// SIGSTOP to the second replica of each role: its connections stay open, and nobody answers.
    pub(super) async fn stop_second(&self) {
        self.signal_second("STOP", true).await;
    }

    /// SIGCONT to the second replica of each role.
    pub(super) async fn wake_second(&self) {
        self.signal_second("CONT", false).await;
    }

    /// Waits until everybody is ready.
    pub(super) async fn until_all_ready(&self) {
        join_all(self.replicas.iter().map(|replica| self.until_ready(replica))).await;
    }

    /// SIGTERM to all; whether each drained and ended by itself with success.
    pub(super) async fn end(&self) -> bool {
        join_all(self.replicas.iter().map(Replica::end)).await.into_iter().all(|drained| drained)
    }

    async fn signal_second(&self, name: &str, stopped: bool) {
        for replica in self.nth(1) {
            let mut process = replica.process.lock().await;
            process.running.as_mut().expect("it runs after every kill").signal(name).await.unwrap();
            process.stopped = stopped;
        }
    }

    async fn until_ready(&self, replica: &Replica) {
        let deadline = Instant::now() + READY;
        while self.trouble(replica).await.is_some() {
            assert!(
                Instant::now() < deadline,
                "{} is not ready after {READY:?}: {:?}; the product's last words:\n{}",
                replica.role,
                self.trouble(replica).await,
                self.world.log_tail()
            );
            sleep(SOON).await;
        }
    }

    /// Why a replica is not ready, if it is not.
    async fn trouble(&self, replica: &Replica) -> Option<String> {
        let url = format!("http://{}/readyz", replica.admin);
        let told = match self.world.http.get(&url).send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        (!told.contains(r#""trouble":{}"#)).then_some(told)
    }

    fn of(&self, role: Victim) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(move |replica| replica.role == role)
    }

    fn nth(&self, n: usize) -> impl Iterator<Item = &Replica> {
        Victim::ROLES.into_iter().filter_map(move |role| self.of(role).nth(n))
    }
}

impl Replica {
    fn launch(role: Victim, world: &World) -> Self {
        let [edge, admin] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], ports::free())));
        let replica = Self { role, edge, admin, process: Mutex::default() };
        let running = Some(replica.start(world));
        Self { process: Mutex::new(Process { running, stopped: false }), ..replica }
    }

    fn start(&self, world: &World) -> Supervised {
        world.supervise_role(self.role.name(), self.edge, self.admin)
    }

    async fn kill(&self, process: &mut Process) {
        let running = process.running.take().expect("it runs after every kill");
        running.kill().await.unwrap();
    }

    async fn kill_and_leave(&self) {
        self.kill(&mut *self.process.lock().await).await;
    }

    async fn end(&self) -> bool {
        let running = self.process.lock().await.running.take().expect("it runs after every kill");
        running.stop("TERM").await.unwrap().is_some_and(|status| status.success())
    }
}
