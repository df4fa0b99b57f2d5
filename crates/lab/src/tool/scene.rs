//! What a tool works on: the world, the unit, and the run that called it.

use serde_json::Value;

use super::flag::Parsed;
use super::halt::{Halt, failure, usage};
use super::output::print;
use crate::context::Context;
use crate::dispatch::ToolCall;
use crate::model::deployed::Deployed;
use crate::model::member::Member;
use crate::model::peer::Peer;
use crate::name::{RelationId, UnitName};
use crate::uniter::hook::RelationKind;
use crate::uniter::unit::Unit;
use crate::world::World;

/// One running call.
pub(super) struct Scene<'a> {
    pub(super) world: &'a mut World,
    pub(super) name: UnitName,
    pub(super) context: &'a mut Context,
    pub(super) call: &'a ToolCall,
}

/// What a tool answers: its stdout.
pub(super) type Answer = Result<Vec<u8>, Halt>;

impl Scene<'_> {
    pub(super) fn unit(&self) -> Result<&Unit, Halt> {
        self.world.units.get(&self.name).ok_or_else(|| self.gone())
    }

    pub(super) fn unit_mut(&mut self) -> Result<&mut Unit, Halt> {
        let gone = self.gone();
        self.world.units.get_mut(&self.name).ok_or(gone)
    }

    pub(super) fn deployed(&self) -> Result<&Deployed, Halt> {
        self.world
            .deployed
            .get(self.name.application())
            .ok_or_else(|| self.gone())
    }

    pub(super) fn deployed_mut(&mut self) -> Result<&mut Deployed, Halt> {
        let gone = self.gone();
        self.world
            .deployed
            .get_mut(self.name.application())
            .ok_or(gone)
    }

    fn gone(&self) -> Halt {
        Halt::Failure(format!("unit {:?} not found", self.name.to_string()))
    }

    /// The controller must be there to answer.
    pub(super) fn reach_controller(&self) -> Result<(), Halt> {
        if self.unit()?.agent.reachable {
            return Ok(());
        }
        failure("connection is shut down")
    }

    /// Whether the unit leads, as reported to this run: after one False it never gets True.
    pub(super) fn is_leader(&mut self) -> bool {
        if !self.context.minion && !self.world.leads(&self.name) {
            self.context.minion = true;
        }
        !self.context.minion
    }

    /// Whether the controller takes the unit for the leader at this moment.
    pub(super) fn holds_lease(&self) -> bool {
        let holder = self.world.leader(self.name.application());
        holder.as_ref() == Some(&self.name)
    }

    /// The relation that a call is about: named by a flag, or the hook's own.
    pub(super) fn relation(&self, parsed: &Parsed) -> Result<RelationId, Halt> {
        let Some(text) = parsed.value("relation") else {
            return match self.context.relation {
                Some(relation) => Ok(relation),
                None => usage("no relation id specified"),
            };
        };
        let typed = parsed.typed("relation");
        let wrong =
            |what: &str| usage(format!("invalid value {text:?} for option {typed}: {what}"));
        // As in Juju, whatever stands before the number is not looked at.
        let number = text.rsplit_once(':').map_or(text, |(_, number)| number);
        let Ok(number) = number.parse() else {
            return wrong("invalid relation id");
        };
        let relation = RelationId(number);
        if self.unit()?.views.contains_key(&relation) {
            return Ok(relation);
        }
        wrong("relation not found")
    }

    pub(super) fn peer(&self, relation: RelationId) -> Result<&Peer, Halt> {
        match self.world.peer(&self.name, relation) {
            Some(peer) => Ok(peer),
            None => failure("relation not found"),
        }
    }

    /// A relation as messages name it.
    pub(super) fn relation_name(&self, relation: RelationId) -> String {
        let endpoint = self.world.endpoint(&self.name, relation);
        format!("{}:{endpoint}", self.name.application())
    }

    /// Whether the member is one as far as the charm knows at this moment.
    pub(super) fn is_member(&self, relation: RelationId, member: Member) -> Result<bool, Halt> {
        let here = self.context.relation == Some(relation) && self.context.remote == Some(member);
        match self.context.kind {
            Some(RelationKind::Joined) if here => Ok(true),
            Some(RelationKind::Departed) if here => Ok(false),
            _ => Ok(self
                .unit()?
                .views
                .get(&relation)
                .is_some_and(|view| view.has(member))),
        }
    }

    /// Prints a value in the format that was asked for.
    pub(super) fn print(parsed: &Parsed, value: &Value) -> Answer {
        Ok(print(value, parsed.format()?))
    }

    /// The contents of a file that an argument names, or of stdin for `-`.
    pub(super) fn file(&self, path: &str) -> Result<&[u8], Halt> {
        if path == "-" {
            return self.call.stdin.as_deref().ok_or(Halt::Stdin);
        }
        match self.call.files.get(path) {
            Some(contents) => Ok(contents),
            None => failure(format!("open {path}: no such file or directory")),
        }
    }
}
