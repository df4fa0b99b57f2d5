//! What can be done to one unit: the list.

use crate::dispatch::CrashPoint;

/// The enum, its names, and the list of all, from one table. Fields have the value that goes without saying.
macro_rules! unit_deeds {
    ($(
        $(#[$doc:meta])*
        $variant:ident $({ $($(#[$field_doc:meta])* $field:ident: $kind:ty = $usual:expr,)* })? => $name:literal;
    )*) => {
        /// Something that is done to one unit, by an operator or by bad luck.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum UnitDeed {
            $($(#[$doc])* $variant $({ $($(#[$field_doc])* $field: $kind,)* })?,)*
        }

        impl UnitDeed {
            /// All of them, each as it is meant if nothing more is said.
            pub const ALL: &'static [Self] = &[
                $(Self::$variant $({ $($field: $usual,)* })?,)*
            ];

            /// Its name, the same in scenario files and in documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }
        }
    };
}

unit_deeds! {
    /// Stops its agent together with the running hook, like `kill -9`.
    AgentDown => "agent-down";
    /// Starts its agent again.
    AgentUp => "agent-up";
    /// Disconnects its agent from the controller.
    CutOff => "cut-off";
    /// Reconnects its agent to the controller.
    Reconnect => "reconnect";
    /// Freezes its machine, including its clock and all its processes.
    Suspend => "suspend";
    /// Thaws its machine.
    Wake => "wake";
    /// Destroys its machine. Nobody is told.
    LoseMachine => "lose-machine";
    /// Loses what it has on disk once none of its hooks runs, and restarts its agent.
    LoseDisk => "lose-disk";
    /// Kills its running hook with SIGKILL.
    Kill {
        /// Whether only the process that the agent started is killed, rather than its whole group.
        spare_children: bool = false,
    } => "kill";
    /// Kills its running hook, or otherwise its next one, after a number of phases.
    KillAfter {
        /// How many; 0 kills it before its first.
        phases: u32 = 0,
    } => "kill-after";
    /// Makes its agent die at a point of the running hook, or otherwise of the next one; it restarts by itself.
    Crash {
        /// The point within the hook.
        at: CrashPoint = CrashPoint::MidProcess,
    } => "crash";
    /// Makes its running hook, or otherwise its next one, exit with 1 after everything that it does.
    Fail => "fail";
    /// The changes of its running or next hook become public, but its agent never learns of it.
    LoseReply => "lose-reply";
    /// Ends the processes that its hooks left running.
    EndLeftovers => "end-leftovers";
    /// It stops seeing the lowest of two relations of one endpoint.
    ForgetRelation => "forget-relation";
    /// Makes it the leader at once.
    Leader => "leader";
    /// Removes it.
    Remove {
        /// Whether it is gone after a while even if its last hooks have not run.
        force: bool = false,
        /// Whether the other units are never told, see [`World::remove_unit_untold`](crate::World::remove_unit_untold).
        untold: bool = false,
    } => "remove-unit";
    /// Runs its failed hook again, or marks it as done.
    Resolve {
        /// Whether the hook runs again.
        retry: bool = true,
    } => "resolve";
}

impl UnitDeed {
    /// What ends it, if it lasts until something does.
    pub const fn ended_by(self) -> Option<Self> {
        match self {
            Self::AgentDown => Some(Self::AgentUp),
            Self::CutOff => Some(Self::Reconnect),
            Self::Suspend => Some(Self::Wake),
            _ => None,
        }
    }

    /// Whether a scenario file can ask for it. The others are for random recipes in virtual time: an author has no use
    /// for them, and real processes have no phases and no reply to lose.
    pub const fn is_for_scenarios(self) -> bool {
        !matches!(
            self,
            Self::KillAfter { .. } | Self::LoseReply | Self::EndLeftovers
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::UnitDeed;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = UnitDeed::ALL.iter().map(|deed| deed.name()).collect();
        assert_eq!(names.len(), UnitDeed::ALL.len());
    }

    #[test]
    fn what_ends_a_deed_does_not_last_itself() {
        let ends: Vec<_> = UnitDeed::ALL
            .iter()
            .filter_map(|deed| deed.ended_by())
            .collect();
        assert_eq!(
            ends,
            [UnitDeed::AgentUp, UnitDeed::Reconnect, UnitDeed::Wake]
        );
        assert!(ends.iter().all(|end| end.ended_by().is_none()));
    }
}
