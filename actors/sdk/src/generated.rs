//! The WIT packages as Rust, one world for each thing an actor may be, so that a component exports only what it has. All share
//! the types of the first.

/// What every stateful actor is. What it imports of this is what it uses: the rest falls away when it is linked.
pub mod actor {
    wit_bindgen::generate!({
        path: "../../wit/lattice-actor-0.1.0",
        world: "lattice:actor/actor",
        additional_derives: [PartialEq, Eq],
        export_macro_name: "export_actor",
        pub_export_macro: true,
    });
}

/// Keeps state in its own memory.
pub mod image {
    wit_bindgen::generate!({
        path: "../../wit/lattice-actor-0.1.0",
        inline: "package lattice:actor-sdk-image; world image { export lattice:actor/snapshot@0.1.0; }",
        with: { "lattice:actor/types@0.1.0": crate::generated::actor::lattice::actor::types },
        generate_all,
        export_macro_name: "export_image",
        pub_export_macro: true,
    });
}

/// Is reached by other actors.
pub mod peers {
    wit_bindgen::generate!({
        path: "../../wit/lattice-actor-0.1.0",
        inline: "package lattice:actor-sdk-peers; world peers { export lattice:actor/peer-handler@0.1.0; }",
        with: { "lattice:actor/types@0.1.0": crate::generated::actor::lattice::actor::types },
        generate_all,
        export_macro_name: "export_peers",
        pub_export_macro: true,
    });
}

/// Hears its own reminders.
pub mod reminders {
    wit_bindgen::generate!({
        path: "../../wit/lattice-actor-0.1.0",
        inline: "package lattice:actor-sdk-reminders; world reminders { export lattice:actor/reminder-handler@0.1.0; }",
        with: { "lattice:actor/types@0.1.0": crate::generated::actor::lattice::actor::types },
        generate_all,
        export_macro_name: "export_reminders",
        pub_export_macro: true,
    });
}

/// Takes messages of a broker.
pub mod messages {
    wit_bindgen::generate!({
        path: "../../wit/deps/wasmcloud-messaging-0.2.0",
        inline: "package lattice:actor-sdk-messages; world messages { export wasmcloud:messaging/handler@0.2.0; }",
        generate_all,
        export_macro_name: "export_messages",
        pub_export_macro: true,
    });
}

/// Serves HTTP.
pub mod http {
    wit_bindgen::generate!({
        path: [
            "../../wit/deps/wasi-io-0.2.12",
            "../../wit/deps/wasi-clocks-0.2.12",
            "../../wit/deps/wasi-random-0.2.12",
            "../../wit/deps/wasi-filesystem-0.2.12",
            "../../wit/deps/wasi-sockets-0.2.12",
            "../../wit/deps/wasi-cli-0.2.12",
            "../../wit/deps/wasi-http-0.2.12",
        ],
        inline: "package lattice:actor-sdk-http; world http { export wasi:http/incoming-handler@0.2.12; }",
        generate_all,
        export_macro_name: "export_http",
        pub_export_macro: true,
    });
}
