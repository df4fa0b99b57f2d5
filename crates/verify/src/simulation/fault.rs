//! The kinds of faults that a seed mixes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

macro_rules! faults {
    ($($variant:ident $name:literal $story:literal;)*) => {
        /// A kind of trouble that a seed may mix into a run; what `--faults` names. It is no deed
        /// ([`UnitDeed`](ops_coordinator_lab::deed::UnitDeed)): some kinds stand for several deeds and the time
        /// between them, others for how the charm or Juju behaves throughout.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $(#[doc = $story] $variant,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What goes wrong.
            pub const fn story(self) -> &'static str {
                match self { $(Self::$variant => $story,)* }
            }
        }
    };
}

faults! {
    Operation "operation" "An operation fails, and its hook with it.";
    Fail "fail" "A hook fails at its very end.";
    Kill "kill" "A hook's process is killed.";
    Crash "crash" "An agent dies, at any point of a hook.";
    Reply "reply" "Juju commits a hook, but its agent does not learn of it.";
    Leader "leader" "Leadership moves, or lapses.";
    Agent "agent" "An agent stops for a while.";
    Reach "reach" "The controller is unreachable for a while.";
    Pause "pause" "A machine freezes for a while.";
    Lose "lose" "A machine is lost, and eventually removed.";
    Remove "remove" "A unit is removed.";
    Force "force" "A unit is removed by force.";
    Add "add" "Units are added.";
    Refresh "refresh" "The charm is refreshed.";
    Skip "skip" "An operator resolves a failed hook without running it again.";
    Slow "slow" "Operations and hooks take a long time, some longer than a lease.";
    Long "long" "Every hook of a leader takes longer than the lease allows it to write the line.";
    Tools "tools" "Hook tools take seconds.";
    Orphan "orphan" "A hook's process is killed, and its children continue.";
    Disk "disk" "A unit's disk is lost, and its databags stay.";
    Waker "waker" "Wakers die with their agent or at any time; update-status does their work.";
    Untold "untold" "A unit is removed, but Juju still lists it.";
    Duplicate "duplicate" "An endpoint has two relations.";
    Vanish "vanish" "Units lose sight of the lower of two relations, at different times.";
    Endpoint "endpoint" "A refresh in the middle of a roll names another endpoint.";
    TwoEndpoints "two-endpoints" "The charm uses two endpoints side by side.";
    Ignore "ignore" "Some hooks do not take their turn, although it has come.";
    Forget "forget" "A charm forgets its requests, and withdraws those without a claimant.";
    Cancel "cancel" "An operator cancels or skips a request.";
    Stop "stop" "An operation fails and waits for an operator, or its turn passes on.";
    Halt "halt" "An operator pauses all locks for a while.";
    Roll "roll" "An operator rolls all units, some several times, and ends some of these campaigns early.";
    Pass "pass" "Some units that a campaign calls have nothing to do, and pass.";
    Ail "ail" "Units are unavailable now and then, some until their turn, and a policy says how many may be.";
    Think "think" "A policy takes its time, up to longer than a lease.";
    Announce "announce" "All units expect a campaign when the configuration changes, and none asks.";
    Shared "shared" "All locks need one in etcd as well, which others want too; it is away, leases end, deputies die and stand still. Only if it is named.";
}

impl Fault {
    /// What a seed mixes if nobody says otherwise: all but those that make every run another one.
    pub fn usual() -> BTreeSet<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|kind| *kind != Self::Shared).collect()
    }

    /// Whether it has dice of its own: with or without it, a seed means the same in all else.
    pub(super) fn has_own_dice(self) -> bool {
        matches!(
            self,
            Self::Roll | Self::Pass | Self::Announce | Self::Ail | Self::Think | Self::Shared
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|fault| fault.name() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|fault| fault.name()).collect();
            format!("expected one of {}", names.join(", "))
        })
    }
}
