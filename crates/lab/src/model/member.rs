//! A unit as a peer relation knows it: its number, in the order in which Juju visits members.

use std::fmt;

/// A member of a peer relation. Ordered as Juju orders unit names, as text: 1, 10, 11, 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member(u64);

impl Member {
    /// The member with this unit number.
    pub(crate) fn new(number: u32) -> Self {
        let digits = u64::from(number.checked_ilog10().unwrap_or(0));
        // The digits moved to the left end, then their count, which tells 1 from 10.
        let left = u64::from(number) * 10_u64.pow(9 - u32::try_from(digits).unwrap_or(9));
        Self((left << 4) | digits)
    }

    /// The unit's number.
    pub(crate) fn number(self) -> u32 {
        let digits = u32::try_from(self.0 & 15).unwrap_or(9);
        u32::try_from((self.0 >> 4) / 10_u64.pow(9 - digits)).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({})", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_ordered_as_text_and_keep_their_number() {
        let mut numbers = vec![
            0,
            1,
            2,
            9,
            10,
            11,
            19,
            20,
            99,
            100,
            101,
            1000,
            4_294_967_295,
        ];
        let mut members: Vec<Member> = numbers.iter().map(|&n| Member::new(n)).collect();
        members.sort();
        numbers.sort_by_key(u32::to_string);
        assert_eq!(
            members.iter().map(|m| m.number()).collect::<Vec<_>>(),
            numbers
        );
    }
}
