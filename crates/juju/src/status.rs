//! Who waits for whom and why, as this unit sees it.

use std::collections::BTreeMap;

use ops_coordinator_core::{Reading, Status, UnitName, UnitRecord};

use crate::Error;
use crate::hook::Hook;

impl Hook {
    /// Reads every unit's record and reports where all requests stand. Costs one hook tool call per unit.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn status(&mut self) -> Result<Status, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let own = self.load_unit()?.record().clone();
        if let Some(relation) = self.relation.clone() {
            for unit in self.tools.relation_list(&relation)? {
                self.read_peer(&unit);
            }
        }
        let mut records: BTreeMap<UnitName, Reading<UnitRecord>> = self.view.records().clone();
        records.insert(self.environment.unit.clone(), Reading::Good(own));
        let mut status = Status::of(&self.line, &records);
        status.unit = Some(self.environment.unit.clone());
        status
            .warnings
            .splice(..0, std::mem::take(&mut self.warnings));
        Ok(status)
    }
}
