//! The twin of a device: what it last said of itself, what it is wanted to be, and whether it is there. One for each device.
//!
//! The device reports by messages, JSON objects such as `{"temperature": 21.5}`; the messaging link says which part of their subject is the
//! key. A device that says nothing for a minute counts as offline: a reminder wakes the twin then, wherever it is. The setting
//! `offline-after-ms` makes it another time.
//!
//! Other actors call it:
//!
//! | operation | body | does | answers |
//! |---|---|---|---|
//! | `get` | | | `{"desired":{…},"device":"d1","last_seen_ms":…,"online":true,"reported":{…}}` |
//! | `desire` | `{"fan":"on"}` | wants these values from now on; `null` wants one no more | the same |

use std::collections::BTreeMap;
use std::time::Duration;

use lattice_actor::{
    Activation, BrokerMessage, Fault, HandleMessages, HandlePeers, HandleReminders, Identity, Reminder, StatefulActor,
    me, now_ms, remind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasi::config::store;

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-config-0.2.0-rc.1", "wit"],
    world: "example:device-twin/device-twin",
    generate_all,
});

const OFFLINE_AFTER: Duration = Duration::from_secs(60);
const OFFLINE: &str = "offline";
/// Devices may be broken, and a twin must not grow with what a broken one says.
const VALUES_MAX: usize = 100;
const REPORT_BYTES_MAX: usize = 16 * 1024;

type Values = BTreeMap<String, Value>;

#[derive(Default, Serialize, Deserialize)]
struct Twin {
    reported: Values,
    desired: Values,
    last_seen_ms: u64,
    /// When it counts as offline unless it reports; none if it does already.
    offline_at_ms: Option<u64>,
}

impl StatefulActor for Twin {
    fn wake(_: &Activation) -> Self {
        Self::default()
    }
}

impl HandleMessages for Twin {
    fn message(&mut self, message: BrokerMessage) -> Result<(), String> {
        merge(&mut self.reported, &message.body)?;
        let after = offline_after();
        self.last_seen_ms = now_ms();
        self.offline_at_ms = Some(self.last_seen_ms.saturating_add(millis(after)));
        // Set anew with every message, the reminder comes only when they stop.
        remind(OFFLINE, after, None, &[]);
        Ok(())
    }
}

impl HandleReminders for Twin {
    fn fire(&mut self, reminder: Reminder) -> Result<(), Fault> {
        let Some(at_ms) = self.offline_at_ms.filter(|_| reminder.name == OFFLINE) else {
            return Ok(());
        };
        match at_ms.saturating_sub(now_ms()) {
            0 => self.offline_at_ms = None,
            // A message came at the same time, or the clock of this host is behind: wait for the rest.
            early_ms => remind(OFFLINE, Duration::from_millis(early_ms), None, &[]),
        }
        Ok(())
    }
}

impl HandlePeers for Twin {
    fn receive(&mut self, _: Option<Identity>, operation: &str, body: &[u8]) -> Result<Vec<u8>, Fault> {
        match operation {
            "get" => {}
            "desire" => merge(&mut self.desired, body).map_err(Fault::Rejected)?,
            _ => {
                return Err(Fault::Rejected(format!(
                    "no operation is called `{operation}`: ask for get or desire"
                )));
            }
        }
        Ok(self.shown().to_string().into_bytes())
    }
}

lattice_actor::export!(Twin: messages, reminders, peers);

impl Twin {
    fn shown(&self) -> Value {
        json!({
            "device": me().key,
            "online": self.offline_at_ms.is_some(),
            "last_seen_ms": self.last_seen_ms,
            "reported": self.reported,
            "desired": self.desired,
        })
    }
}

/// Lays the values of a JSON object over those there are; `null` takes one away. Changes nothing if it is refused, as nested
/// values are: one as deep as JSON is read could not be read back from within the state.
fn merge(values: &mut Values, json: &[u8]) -> Result<(), String> {
    if json.len() > REPORT_BYTES_MAX {
        return Err(format!("the values are longer than {REPORT_BYTES_MAX} bytes"));
    }
    let new: Values =
        serde_json::from_slice(json).map_err(|error| format!("the values are no JSON object: {error}"))?;
    let mut merged = values.clone();
    for (name, value) in new {
        match value {
            Value::Array(_) | Value::Object(_) => return Err(format!("`{name}` is no single value")),
            Value::Null => merged.remove(&name),
            value => merged.insert(name, value),
        };
    }
    if merged.len() > VALUES_MAX {
        return Err(format!("there would be more than {VALUES_MAX} values"));
    }
    *values = merged;
    Ok(())
}

/// The setting, if it is a time. One that is not must not stop the twin from listening.
fn offline_after() -> Duration {
    let setting = store::get("offline-after-ms").ok().flatten();
    let millis = setting.and_then(|text| text.parse().ok()).filter(|ms| *ms > 0);
    millis.map_or(OFFLINE_AFTER, Duration::from_millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
