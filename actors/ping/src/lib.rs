//! Calls another actor through an interface of its own.
//!
//! `GET /` sends the shortest call there is; `GET /NAME` plays a round as NAME and shows what came back. Which actor
//! answers, and on which host it lives, is decided by the link for `example:ping-pong/pong`; the code is the same when the
//! two share a host and when an ocean lies between them.

use example::ping_pong::pong::{self, Mood, Player, Refusal, Skills};
use wstd::http::{Body, Error, Request, Response, StatusCode};

wit_bindgen::generate!({
    path: ["../../wit/example-ping-pong", "wit"],
    world: "example:ping/ping",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let name = request.uri().path().trim_matches('/');
    if name.is_empty() {
        return answer(StatusCode::OK, pong::ping("ping"));
    }
    let player = Player {
        name: name.into(),
        mood: if name == "sleepy" { Mood::Tired } else { Mood::Keen },
        skills: Skills::SERVE | Skills::SMASH,
        results: vec![(11, 7), (9, 11), (11, 4)],
    };
    match pong::play(&player) {
        Ok(reply) => {
            let place = reply.place.as_deref().unwrap_or("a place it does not tell");
            answer(
                StatusCode::OK,
                format!(
                    "{} ({} points so far), answered from {place}",
                    reply.message, reply.points
                ),
            )
        }
        Err(Refusal::TooTired) => answer(StatusCode::CONFLICT, format!("pong will not play: {name} is too tired")),
        Err(Refusal::NameTooLong(most)) => answer(StatusCode::BAD_REQUEST, format!("pong takes names of {most} bytes")),
        Err(Refusal::Other(reason)) => answer(StatusCode::BAD_REQUEST, format!("pong will not play: {reason}")),
    }
}

fn answer(status: StatusCode, text: String) -> Result<Response<Body>, Error> {
    Ok(Response::builder().status(status).body(format!("{text}\n").into())?)
}
