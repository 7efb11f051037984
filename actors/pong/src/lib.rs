//! Answers calls of other actors: exports an interface of its own, with records, variants, flags and lists in it.
//!
//! Set `place` in the actor's configuration and it tells where it lives. Call it by hand with
//! `lattice call pong example:ping-pong/pong.ping '"hello"'`.

use exports::example::ping_pong::pong::{Answer, Guest, Mood, Player, Refusal, Skills};
use wasi::config::store;

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-config-0.2.0-rc.1", "../../wit/example-ping-pong", "wit"],
    world: "example:pong/pong-player",
    generate_all,
});

/// Longer names do not fit on the score board.
const NAME_BYTES_MAX: u32 = 32;

struct Pong;

export!(Pong);

impl Guest for Pong {
    fn ping(message: String) -> String {
        format!("pong: {message}")
    }

    fn play(player: Player) -> Result<Answer, Refusal> {
        if player.mood == Mood::Tired {
            return Err(Refusal::TooTired);
        }
        if player.name.len() > NAME_BYTES_MAX as usize {
            return Err(Refusal::NameTooLong(NAME_BYTES_MAX));
        }
        if !player.skills.contains(Skills::SERVE) {
            return Err(Refusal::Other(format!("{} cannot serve", player.name)));
        }
        Ok(Answer {
            message: format!("well played, {}", player.name),
            place: store::get("place").ok().flatten(),
            points: player
                .results
                .iter()
                .map(|&(ours, theirs)| u64::from(ours) + u64::from(theirs))
                .sum(),
        })
    }
}
