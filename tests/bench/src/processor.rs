//! Whose CPU it was: one process's, ours, or somebody else's.
//!
//! Read from `/proc`, in ticks of a hundredth of a second, the unit that Linux fixes for user space
//! whatever the kernel's own is. So a figure needs a run of seconds.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;

/// Microseconds of a tick.
const TICK_US: f64 = 10_000.0;

/// What the whole machine has done since its start, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    busy: u64,
    stolen: u64,
    total: u64,
}

impl Machine {
    /// Now.
    pub(crate) fn now() -> anyhow::Result<Self> {
        Self::parse(&fs::read_to_string("/proc/stat")?).context("/proc/stat has another form")
    }

    /// The first line: user nice system idle iowait irq softirq steal; what follows is counted in user.
    fn parse(stat: &str) -> Option<Self> {
        let numbers = stat.lines().next()?.split_whitespace().skip(1).take(8);
        let ticks = numbers.map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
        let &[user, nice, system, idle, wait, irq, soft, stolen] = ticks.as_slice() else { return None };
        let busy = user + nice + system + irq + soft;
        Some(Self { busy, stolen, total: busy + idle + wait + stolen })
    }
}

/// What others took while something was measured, in percent of all cores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Neighbours {
    /// Other processes on this machine.
    pub(crate) foreign: f64,
    /// The hypervisor, for other machines.
    pub(crate) stolen: f64,
}

impl Neighbours {
    /// Between two looks, of which `own` ticks were the measurement's own processes.
    pub(crate) fn between(before: Machine, after: Machine, own: u64) -> Self {
        Self {
            foreign: share(before, after, (after.busy - before.busy).saturating_sub(own)),
            stolen: share(before, after, after.stolen - before.stolen),
        }
    }
}

/// How much of all cores some ticks were between two looks, in percent.
pub(crate) fn share(before: Machine, after: Machine, ticks: u64) -> f64 {
    100.0 * float(ticks) / float((after.total - before.total).max(1))
}

/// The CPU time that a process has used, in ticks.
pub(crate) fn ticks_of(pid: u32) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_process(&stat).with_context(|| format!("/proc/{pid}/stat has another form"))
}

/// The CPU time of everything that runs below a process, and of what has ended there, in ticks.
pub(crate) fn ticks_below(root: u32) -> anyhow::Result<u64> {
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One that has ended since is counted with its parent.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        processes.insert(pid, Family::parse(&stat).context("/proc/PID/stat has another form")?);
    }
    let is_below = |mut pid: u32| {
        while let Some(family) = processes.get(&pid) {
            if family.parent == root {
                return true;
            }
            pid = family.parent;
        }
        false
    };
    Ok(processes.iter().filter(|(pid, _)| is_below(**pid)).map(|(_, family)| family.ticks).sum())
}

/// A process's parent, and the CPU time of itself and of its children that have ended.
#[derive(Debug, PartialEq, Eq)]
struct Family {
    parent: u32,
    ticks: u64,
}

impl Family {
    /// Fields 4 and 14 to 17.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok());
        Some(Self { parent: fields.get(1)?.parse().ok()?, ticks: ticks.sum::<Option<u64>>()? })
    }
}

/// Fields 14 and 15; the second field, the name, may hold spaces and ends with the last bracket.
fn parse_process(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(|field| field.parse::<u64>().ok());
    Some(times.next()?? + times.next()??)
}

/// Microseconds of CPU for each of `count`.
pub(crate) fn us_each(ticks: u64, count: u64) -> f64 {
    float(ticks) * TICK_US / float(count.max(1))
}

/// A count as a number to divide; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench run are far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_below_a_process_is_counted_with_what_has_ended_there() {
        // The inner shell ends before the outer one looks busy; both are below this process.
        let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let before = ticks_below(std::process::id()).unwrap();
        let script = format!("sh -c '{burn}'; read -r line");
        let mut child = std::process::Command::new("sh")
            .args(["-c", &script])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let busy = || ticks_below(std::process::id()).unwrap() > before + 3;
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
        while !busy() {
            assert!(tokio::time::Instant::now() < deadline, "nothing was counted");
            std::thread::yield_now();
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!busy(), "what this process has waited for is its own time, not that of those below");
    }

    #[test]
    fn the_forms_of_proc_are_read() {
        let before = Machine::parse("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1").unwrap();
        let after = Machine::parse("cpu  40 0 20 110 10 0 0 20 0 0\ncpu0 1").unwrap();
        assert_eq!(Neighbours::between(before, after, 30), Neighbours { foreign: 10.0, stolen: 20.0 });
        assert_eq!(Machine::parse("cpu 1 2"), None);
        assert_eq!(parse_process("7 (a) b) S 1 1 1 0 -1 4 5 0 0 0 21 9 0 0 20"), Some(30));
        assert!(ticks_of(std::process::id()).is_ok());
        let family = Family::parse("7 (a) b) S 5 1 1 0 -1 4 5 0 0 0 21 9 4 2 20");
        assert_eq!(family, Some(Family { parent: 5, ticks: 36 }));
    }
}
