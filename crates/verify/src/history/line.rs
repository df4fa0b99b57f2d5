//! Which line may follow another.

use ops_coordinator_core::invariant::{Violation, line_is_sound};
use ops_coordinator_core::{Line, LockName, Ticket};

/// `line-keeps-order` and `only-what-is-over-leaves`, judged from outside: `over` tells the truth.
///
/// # Errors
/// What is wrong with the new line.
pub(super) fn line_may_follow(
    before: Option<&Line>,
    after: &Line,
    over: impl Fn(&LockName, &Ticket) -> bool,
) -> Result<(), Violation> {
    line_is_sound(after)?;
    let Some(before) = before else { return Ok(()) };
    let wrong = |invariant, found| Err(Violation { invariant, found });
    if after.version <= before.version {
        let found = format!("version {} follows {}", after.version, before.version);
        return wrong("version-grows", found);
    }
    for (lock, old) in &before.locks {
        let new = after
            .locks
            .get(lock)
            .map(|line| line.entries.as_slice())
            .unwrap_or_default();
        let new: Vec<&Ticket> = new.iter().map(|entry| &entry.ticket).collect();
        let old = old.entries.iter().map(|entry| &entry.ticket);
        let (stayed, left): (Vec<&Ticket>, Vec<&Ticket>) =
            old.partition(|ticket| new.contains(ticket));
        if new.iter().take(stayed.len()).ne(stayed.iter()) {
            return wrong("line-keeps-order", format!("lock {lock} was reordered"));
        }
        if let Some(ticket) = left.into_iter().find(|ticket| !over(lock, ticket)) {
            return wrong(
                "only-what-is-over-leaves",
                format!("lock {lock} lost {ticket}"),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(version: u64, units: &[u32]) -> Line {
        let entries: Vec<String> = units
            .iter()
            .map(|unit| {
                format!(r#"{{"unit":"app/{unit}","id":"0000000{unit}","seq":1,"limit":1}}"#)
            })
            .collect();
        let text = format!(
            r#"{{"term":1,"version":{version},"by":"app/0","locks":{{"restart":{{"line":[{}]}}}}}}"#,
            entries.join(",")
        );
        // Not `decode_line`, which would refuse the bad ones.
        serde_json::from_str(&text).unwrap()
    }

    fn broken(before: &[u32], after: &[u32], over: &[u32]) -> Option<&'static str> {
        let is_over = |_: &LockName, ticket: &Ticket| over.contains(&ticket.unit.number());
        let judged = line_may_follow(Some(&line(1, before)), &line(2, after), is_over);
        judged.err().map(|violation| violation.invariant)
    }

    #[test]
    fn what_is_over_leaves_and_what_is_new_goes_to_the_end() {
        assert_eq!(broken(&[0, 1, 2], &[1, 2, 3], &[0]), None);
        assert_eq!(broken(&[0, 1, 2], &[0, 2, 3], &[1]), None);
    }

    #[test]
    fn bad_lines_are_rejected_by_name() {
        assert_eq!(broken(&[0, 1], &[1, 0], &[]), Some("line-keeps-order"));
        assert_eq!(broken(&[0, 1], &[2, 0, 1], &[]), Some("line-keeps-order"));
        assert_eq!(broken(&[0, 1], &[1], &[]), Some("only-what-is-over-leaves"));
        assert_eq!(broken(&[0], &[0, 0], &[]), Some("one-entry-a-unit"));
        let stale = line_may_follow(Some(&line(2, &[0])), &line(2, &[0]), |_, _| true);
        assert_eq!(stale.unwrap_err().invariant, "version-grows");
    }
}
