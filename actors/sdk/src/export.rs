//! From what the host calls to the methods of an actor.

use std::marker::PhantomData;

use crate::generated::http::exports::wasi::http::incoming_handler::{Guest as Http, IncomingRequest, ResponseOutparam};
use crate::generated::messages::exports::wasmcloud::messaging::handler::Guest as Messages;
use crate::generated::peers::exports::lattice::actor::peer_handler::Guest as Peers;
use crate::generated::reminders::exports::lattice::actor::reminder_handler::Guest as Reminders;
use crate::generated::{actor::exports::lattice::actor::lifecycle, image::exports::lattice::actor::snapshot};
use crate::home::Housed;
use crate::{
    Activation, BrokerMessage, Fault, HandleHttp, HandleMessages, HandlePeers, HandleReminders, Identity, Image,
    Reminder, Response, StopReason, http,
};

/// Exports a struct as the actor that the component is, with the handlers it has: some of `http`, `messages`, `peers` and `reminders`.
///
/// ```ignore
/// lattice_actor::export!(Twin: messages, peers, reminders);
/// ```
///
/// An actor that keeps all of its state in [`cells`](crate::cells) says so, and is not asked for an image of itself. It wakes with
/// [`wake`](crate::StatefulActor::wake) every time, not the first time only:
///
/// ```ignore
/// lattice_actor::export!(Ledger in cells: http, peers);
/// ```
#[macro_export]
macro_rules! export {
    ($actor:ident : $($handler:ident),+ $(,)?) => {
        $crate::export!($actor in cells: $($handler),+);
        $crate::generated::image::export_image!(LatticeActor with_types_in $crate::generated::image);
    };
    ($actor:ident in cells : $($handler:ident),+ $(,)?) => {
        #[doc(hidden)]
        type LatticeActor = $crate::private::Exported<$actor>;

        impl $crate::private::Housed for $actor {
            fn with_home<R>(visit: impl FnOnce(&$crate::private::Home<Self>) -> R) -> R {
                ::std::thread_local! {
                    static HOME: $crate::private::Home<$actor> = const { $crate::private::Home::empty() };
                }
                HOME.with(visit)
            }
        }

        $crate::generated::actor::export_actor!(LatticeActor with_types_in $crate::generated::actor);
        $($crate::export!(@ $handler);)+
    };
    (@ http) => { $crate::generated::http::export_http!(LatticeActor with_types_in $crate::generated::http); };
    (@ messages) => { $crate::generated::messages::export_messages!(LatticeActor with_types_in $crate::generated::messages); };
    (@ peers) => { $crate::generated::peers::export_peers!(LatticeActor with_types_in $crate::generated::peers); };
    (@ reminders) => { $crate::generated::reminders::export_reminders!(LatticeActor with_types_in $crate::generated::reminders); };
    (@ $unknown:ident) => {
        ::std::compile_error!(::std::concat!(
            "`", ::std::stringify!($unknown), "` is no handler: write http, messages, peers or reminders"
        ));
    };
}

/// An actor type as the host sees it.
#[doc(hidden)]
pub struct Exported<A>(PhantomData<A>);

impl<A: Housed> lifecycle::Guest for Exported<A> {
    fn activate(ctx: Activation, restored: Option<Image>) -> Result<(), Fault> {
        A::with_home(|home| home.wake(&ctx, restored))
    }

    fn deactivate(why: StopReason) {
        // It is put to rest in any case; one that never woke has nothing to do.
        let _ = A::with_home(|home| home.turn(|actor| actor.rest(why)));
    }
}

impl<A: Housed> snapshot::Guest for Exported<A> {
    fn save() -> Result<Option<Image>, Fault> {
        A::with_home(|home| home.save())
    }
}

impl<A: Housed + HandlePeers> Peers for Exported<A> {
    fn receive(sender: Option<Identity>, operation: String, body: Vec<u8>) -> Result<Vec<u8>, Fault> {
        A::with_home(|home| home.turn(|actor| actor.receive(sender, &operation, &body)))?
    }
}

impl<A: Housed + HandleReminders> Reminders for Exported<A> {
    fn fire(name: String, due_ms: u64, payload: Vec<u8>, missed: u32) -> Result<(), Fault> {
        let reminder = Reminder {
            name,
            due_ms,
            payload,
            missed,
        };
        A::with_home(|home| home.turn(|actor| actor.fire(reminder)))?
    }
}

impl<A: Housed + HandleMessages> Messages for Exported<A> {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        A::with_home(|home| home.turn(|actor| actor.message(message))).map_err(reason)?
    }
}

impl<A: Housed + HandleHttp> Http for Exported<A> {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        http::serve(request, out, A::BODY_BYTES_MAX, |request| {
            A::with_home(|home| home.turn(|actor| actor.http(request)))
                .unwrap_or_else(|fault| Response::error(503, reason(fault)))
        });
    }
}

/// A fault where only a text is wanted.
fn reason(fault: Fault) -> String {
    let (Fault::Rejected(reason) | Fault::Incompatible(reason) | Fault::Transient(reason)) = fault;
    reason
}
