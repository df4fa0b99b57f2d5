//! A campaign: the leader rolls all units, and nobody needs to ask.
//!
//! The leader announces it in the lock's line and *invites* each member that has no request of its own: it appends an
//! entry with the number that the unit's next request would have. The unit finds its ticket in the line, and what to run
//! in the campaign. A unit that needs no turn *passes*, and says so in its record: nobody else ever concludes that.
//!
//! The number in an invitation comes from a record that the leader has read, which may be old. So it is the number of
//! the unit's next request, or of one that it has made meanwhile, which then is that entry; or of one that is finished,
//! and so is the entry.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{LockLine, LockRecord, Payload, Ticket, UnitName, UnitRecord, Wall};

/// Which campaign. No two of them share an id, whatever becomes of the relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CampaignId(String);

impl CampaignId {
    /// The campaign that a line of this version begins. `random` distinguishes the lines of different relations.
    pub(crate) fn new(version: u64, random: u32) -> Self {
        Self(format!("{version}-{random:08x}"))
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A roll of all units, as the leader announces it in a lock's line. It stays there when it is over, until the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Which one.
    pub id: CampaignId,
    /// The version of the line that announced it first.
    #[serde(rename = "line")]
    pub version: u64,
    /// Why all units go. A campaign for the same reason joins one that is under way.
    #[serde(rename = "why")]
    pub reason: String,
    /// What to do, for readers; absent if it is the lock's own name.
    #[serde(default, rename = "op", skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What the operation is given; opaque here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Whether an operator has ended it early. Units that were invited and have not begun then pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborted: bool,
    /// Tickets that were cancelled before it was announced, and whose units had not said so yet: that lets nobody off in this
    /// campaign.
    #[serde(default, rename = "before", skip_serializing_if = "Vec::is_empty")]
    pub cancelled_before: Vec<Ticket>,
    /// When it began, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Wall>,
    /// Fields of a newer minor version, kept as they are.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// What a new campaign is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Why all units go.
    pub reason: String,
    /// What to do, for readers; `None` if it is the lock's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What the operation is given; opaque here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// What a campaign has a unit do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Invitation {
    /// With which ticket.
    pub ticket: Ticket,
    /// What the operation is given.
    pub payload: Payload,
}

impl LockLine {
    /// The campaign in which a unit with this state still has to go; `None` if it has gone, or if there is none. It ends
    /// when its lock moves to another endpoint, where nobody reads this line to take his turn.
    pub fn calls(&self, state: Option<&LockRecord>) -> Option<&Campaign> {
        let is_over = |campaign: &Campaign| campaign.aborted || self.moved.is_some();
        let campaign = self.campaign.as_ref().filter(|now| !is_over(now))?;
        let served = state.and_then(|state| state.served.as_ref());
        (served != Some(&campaign.id)).then_some(campaign)
    }

    /// The ticket with which a unit is invited: an entry of this very life of it, beyond what it has asked for.
    pub fn invitation(&self, unit: &UnitName, record: &UnitRecord, asked: u64) -> Option<&Ticket> {
        let mut tickets = self.entries.iter().map(|entry| &entry.ticket);
        tickets.find(|ticket| {
            ticket.unit == *unit && ticket.incarnation == record.incarnation && ticket.seq > asked
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Incarnation};

    #[test]
    fn a_campaign_is_called_by_its_line_and_a_number() {
        assert_eq!(CampaignId::new(3, 0xbeef).to_string(), "3-0000beef");
    }

    fn ticket(unit: u32, seq: u64) -> Ticket {
        Ticket {
            unit: format!("app/{unit}").parse().unwrap(),
            incarnation: Incarnation::from_random(unit),
            seq,
        }
    }

    fn campaign(version: u64) -> Campaign {
        Campaign {
            id: CampaignId::new(version, 7),
            version,
            reason: "new certificates".to_owned(),
            operation: None,
            payload: None,
            aborted: false,
            cancelled_before: Vec::new(),
            at: None,
            unknown: BTreeMap::new(),
        }
    }

    #[test]
    fn a_campaign_calls_everybody_who_has_not_gone_in_it() {
        let mut line = LockLine::default();
        let gone = LockRecord {
            served: Some(CampaignId::new(3, 7)),
            ..LockRecord::default()
        };
        assert_eq!(line.calls(None), None);
        line.campaign = Some(campaign(3));
        assert!(line.calls(None).is_some());
        assert!(line.calls(Some(&LockRecord::default())).is_some());
        assert_eq!(line.calls(Some(&gone)), None);
        line.campaign = Some(campaign(4));
        assert!(line.calls(Some(&gone)).is_some(), "the next calls it again");
        line.campaign.as_mut().unwrap().aborted = true;
        assert_eq!(line.calls(None), None, "aborted");
        line.campaign = Some(campaign(5));
        line.moved = Some("peers".to_owned());
        assert_eq!(line.calls(None), None, "elsewhere");
    }

    #[test]
    fn an_invitation_is_an_entry_of_this_life_beyond_what_was_asked_for() {
        let mut line = LockLine::default();
        line.entries.push(Entry {
            ticket: ticket(1, 5),
            limit: 1,
            wave: 0,
            at: None,
            unknown: BTreeMap::new(),
        });
        let unit = ticket(1, 5).unit;
        let record = UnitRecord::new(Incarnation::from_random(1));
        assert_eq!(line.invitation(&unit, &record, 4), Some(&ticket(1, 5)));
        assert_eq!(line.invitation(&unit, &record, 5), None, "its own request");
        let reborn = UnitRecord::new(Incarnation::from_random(9));
        assert_eq!(
            line.invitation(&unit, &reborn, 0),
            None,
            "of an earlier life"
        );
        assert_eq!(line.invitation(&ticket(2, 1).unit, &record, 0), None);
    }
}
