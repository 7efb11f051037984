//! Imports an interface with a resource in it. No link can carry one, so a host must refuse to start this actor, and say why.

use exports::test::types::checks::Guest;
use test::types::handles::Door;

wit_bindgen::generate!({
    path: ["../../wit/test-types", "wit"],
    world: "test:resource-user/resource-user",
    generate_all,
});

struct Visitor;

export!(Visitor);

impl Guest for Visitor {
    fn run() -> Result<u32, Vec<String>> {
        Err(vec![format!("this should never run: {}", Door::new("front").knock())])
    }

    fn provoke_trap(message: String) {
        panic!("{message}");
    }
}
