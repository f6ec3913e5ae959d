//! The files of the roles, as commands open them beside the running product.

use std::path::Path;

use afterglow_durable::{Error, sqlite};

/// A role's file of state.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoleFile {
    /// The role's name, also its consumer group.
    pub(super) role: &'static str,
    /// The file in the data folder.
    pub(super) file: &'static str,
    migrations: &'static [sqlite::Migration],
}

/// All of them.
pub(super) const ROLES: [RoleFile; 3] = [
    RoleFile {
        role: afterglow_ingest::ROLE,
        file: "ingest.db",
        migrations: afterglow_ingest::store::MIGRATIONS,
    },
    RoleFile {
        role: afterglow_journey_engine::ROLE,
        file: "engine.db",
        migrations: afterglow_journey_engine::store::sqlite::MIGRATIONS,
    },
    RoleFile {
        role: afterglow_dispatcher::ROLE,
        file: "dispatcher.db",
        migrations: afterglow_dispatcher::store::sqlite::MIGRATIONS,
    },
];

impl RoleFile {
    /// For a short change.
    pub(super) async fn open(self, folder: &Path) -> Result<sqlite::Store, Error> {
        sqlite::Store::open_beside(&folder.join(self.file), self.migrations).await
    }

    /// For reading only.
    pub(super) async fn read(self, folder: &Path) -> anyhow::Result<sqlite::Readers> {
        super::open(folder, self.file).await
    }
}
