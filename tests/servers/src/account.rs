//! As whom a server runs: PostgreSQL refuses to run as root.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use anyhow::Context as _;

/// An account without rights, by the numbers that the system gives it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account to drop to; `None` where we are not root.
    pub(crate) fn to_drop_to() -> anyhow::Result<Option<Self>> {
        if std::fs::metadata("/proc/self").map_or(1, |own| own.uid()) != 0 {
            return Ok(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
        let of = |name: &str| accounts.lines().find_map(|line| account_of(line, name));
        let account = of("postgres").or_else(|| of("nobody"));
        Ok(Some(
            account
                .context("PostgreSQL does not run as root, and there is no account `nobody` to drop to")?,
        ))
    }

    /// What stands in front of a command so that it runs as this account.
    pub(crate) fn prefix(&self) -> Vec<String> {
        let Self { user, group } = self;
        [
            "setpriv".to_owned(),
            format!("--reuid={user}"),
            format!("--regid={group}"),
            "--clear-groups".to_owned(),
        ]
        .to_vec()
    }

    /// Gives a folder to the account, and lets it reach it.
    pub(crate) fn give(&self, folder: &Path) -> anyhow::Result<()> {
        chown(folder, Some(self.user), Some(self.group))
            .with_context(|| format!("{} cannot be given to user {}", folder.display(), self.user))?;
        for above in folder.ancestors().skip(1) {
            let Ok(metadata) = above.metadata() else { continue };
            let mode = metadata.permissions().mode();
            // A folder made by tempfile is closed to all others; only passing through is needed.
            if metadata.uid() == 0 && mode & 0o001 == 0 && above.starts_with(std::env::temp_dir()) {
                std::fs::set_permissions(above, std::fs::Permissions::from_mode(mode | 0o011))?;
            }
        }
        Ok(())
    }
}

/// The numbers of the account of that name, from its line of `/etc/passwd`.
fn account_of(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    let user = fields.nth(1)?.parse().ok()?;
    Some(Account { user, group: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_line() {
        let account = account_of("nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin", "nobody");
        assert_eq!(account.map(|account| (account.user, account.group)), Some((65534, 65533)));
        assert!(account_of("nobody2:x:1:1::/:/bin/sh", "nobody").is_none());
        assert!(account_of("nobody:x:?:1::/:/bin/sh", "nobody").is_none());
    }
}
