//! The files of the roles, as commands open them beside the running product.

use std::path::Path;

use afterglow_durable::{Error, sqlite};

use crate::ground::RoleStore;

/// All of them.
pub(super) use crate::ground::ROLES;

/// A role's file of state.
pub(super) type RoleFile = RoleStore;

impl RoleStore {
    /// For a short change.
    pub(super) async fn open(self, folder: &Path) -> Result<sqlite::Store, Error> {
        sqlite::Store::open_beside(&folder.join(self.file), self.migrations).await
    }

    /// For reading only.
    pub(super) async fn read(self, folder: &Path) -> anyhow::Result<sqlite::Readers> {
        super::open(folder, self.file).await
    }
}
