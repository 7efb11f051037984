//! `wasmcloud:messaging@0.2.0`, the side that sends.

use std::sync::LazyLock;
use std::time::Duration;

use lattice_capability::BrokerMessage as Message;
use lattice_core::InterfaceId;
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};

use self::generated::wasmcloud::messaging::consumer;
pub(crate) use self::generated::wasmcloud::messaging::types::BrokerMessage;
use crate::ctx::{Call, Ctx};
use crate::linked::Need;

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/wasmcloud-messaging-0.2.0",
        inline: "package lattice:engine; world sender { import wasmcloud:messaging/consumer@0.2.0; }",
        world: "lattice:engine/sender",
        imports: { default: async | trappable },
    });
}

static CONSUMER: LazyLock<InterfaceId> = LazyLock::new(|| {
    "wasmcloud:messaging/consumer"
        .parse()
        .expect("a constant that is an interface")
});

pub(super) fn add_consumer(linker: &mut Linker<Ctx>) -> Result<()> {
    consumer::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)
}

impl consumer::Host for Ctx {
    async fn request(
        &mut self,
        subject: String,
        body: Vec<u8>,
        timeout_ms: u32,
    ) -> Result<Result<BrokerMessage, String>> {
        let call = &self.call;
        call.may_reach_out()?;
        Ok(async {
            let (broker, context) = call
                .messaging(need(call, "request"))
                .map_err(|fault| fault.to_string())?;
            let timeout = Duration::from_millis(timeout_ms.into());
            let answer = broker.request(&context, &subject, body.into(), timeout).await;
            answer.map(BrokerMessage::from).map_err(|error| error.to_string())
        }
        .await)
    }

    async fn publish(&mut self, message: BrokerMessage) -> Result<Result<(), String>> {
        let call = &self.call;
        call.may_reach_out()?;
        Ok(async {
            let (broker, context) = call
                .messaging(need(call, "publish"))
                .map_err(|fault| fault.to_string())?;
            broker
                .publish(&context, message.into())
                .await
                .map_err(|error| error.to_string())
        }
        .await)
    }
}

fn need<'a>(call: &'a Call, function: &'a str) -> Need<'a> {
    Need {
        interface: &CONSUMER,
        function,
        label: call.label(&CONSUMER),
    }
}

impl From<Message> for BrokerMessage {
    fn from(message: Message) -> Self {
        Self {
            subject: message.subject,
            body: message.body.into(),
            reply_to: message.reply_to,
        }
    }
}

impl From<BrokerMessage> for Message {
    fn from(message: BrokerMessage) -> Self {
        Self {
            subject: message.subject,
            body: message.body.into(),
            reply_to: message.reply_to,
        }
    }
}
