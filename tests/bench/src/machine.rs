//! On what it was measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// The machine, for the head of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// The processor's name and how many cores this process may use.
    pub(crate) cores: String,
    /// Main memory in GiB.
    pub(crate) memory_gib: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The file system of the measured folder.
    pub(crate) file_system: String,
    /// The compiler.
    pub(crate) rustc: String,
}

impl Machine {
    /// Looks at this one.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism()?;
        let about = fs::read_to_string("/proc/cpuinfo")?;
        let name = value_of(&about, "model name").unwrap_or("processor of unknown name");
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kib: u64 = value_of(&memory, "MemTotal")
            .and_then(|text| text.strip_suffix(" kB")?.parse().ok())
            .context("/proc/meminfo has another form")?;
        let mounts = fs::read_to_string("/proc/mounts")?;
        Ok(Self {
            cores: format!("{cores} × {name}"),
            memory_gib: kib / (1024 * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(&mounts, &folder.canonicalize()?).to_owned(),
            rustc: rustc(),
        })
    }
}

/// The value of `name : value`.
fn value_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// The type of the longest mount above the folder.
fn file_system<'t>(mounts: &'t str, folder: &Path) -> &'t str {
    let mount = |line: &'t str| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(point).then_some((point.len(), kind))
    };
    let longest = mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length);
    longest.map_or("unknown", |(_, kind)| kind)
}

/// The compiler on the path, which `cargo run` has just used.
fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "rustc is not on the path".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0";
        assert_eq!(file_system(mounts, Path::new("/tmp/bench")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/home/bench")), "ext4");
    }
}
