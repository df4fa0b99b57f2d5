//! The line of the shared lock, and the units' deputies in it. Here etcd always answers: what becomes of a deputy that is killed
//! or cut off, the simulations tell.

use crate::model::check::{Application, Seen};
use crate::model::state::{Seat, State};
use crate::model::truth;

impl Application {
    /// A deputy does as its unit's wishes say.
    pub(super) fn serve(&self, state: &mut State, index: u8) {
        let at = usize::from(index);
        let wanted = truth::wish(state.units[at].wishes, self.locks());
        let seat = wanted.map(|wish| Seat {
            seq: wish.seq,
            token: next_token(state),
            holds: false,
        });
        state.units[at].seat = seat;
    }

    /// Its turn has come, and it has the charm run, unless a hook has taken that turn already.
    pub(super) fn hold(&self, state: &mut State, index: u8) {
        let unit = &mut state.units[usize::from(index)];
        let Some(seat) = &mut unit.seat else {
            return;
        };
        seat.holds = true;
        let wish = truth::wish(unit.wishes, self.locks());
        if wish.is_some_and(|wish| wish.taken != Some(seat.token)) {
            unit.news.wake = true;
            self.saw(Seen::Granted);
        }
    }
}

/// No operation is running: it would have ended before.
pub(super) fn lose_lease(state: &mut State, index: u8) {
    state.left.lease -= 1;
    let token = next_token(state);
    if let Some(seat) = &mut state.units[usize::from(index)].seat {
        (seat.token, seat.holds) = (token, false);
    }
}

pub(super) fn rival_joins(state: &mut State) {
    state.left.rival -= 1;
    state.rival = Some(next_token(state));
}

fn next_token(state: &mut State) -> u8 {
    state.token += 1;
    state.token
}
