//! State as JSON, and whether it has changed.

use serde::Serialize;

use crate::{Fault, Image, StatefulActor};

const MEDIA_TYPE: &str = "application/json";

/// The bytes last saved. They tell a change from a turn that only read, so that a reading turn costs no write.
#[derive(Debug, Default)]
pub(crate) struct Saved(Option<Vec<u8>>);

impl Saved {
    /// Writes the state down; none if it is what was saved last.
    pub(crate) fn save<A: StatefulActor>(&mut self, actor: &A) -> Result<Option<Image>, Fault> {
        let data = to_json(actor)?;
        if self.is(&data) {
            return Ok(None);
        }
        self.0 = Some(data.clone());
        Ok(Some(Image {
            media_type: MEDIA_TYPE.into(),
            schema: A::SCHEMA,
            data,
        }))
    }

    /// Whether anything was saved yet.
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    fn is(&self, data: &[u8]) -> bool {
        self.0.as_deref() == Some(data)
    }
}

/// Reads an image back. What an older schema said counts as not saved yet, so that the next save writes it in this one's form.
pub(crate) fn restore<A: StatefulActor>(image: Image) -> Result<(A, Saved), Fault> {
    if image.media_type != MEDIA_TYPE {
        return Err(Fault::Incompatible(format!(
            "the state is saved as `{}`, and this component reads `{MEDIA_TYPE}`",
            image.media_type
        )));
    }
    if image.schema != A::SCHEMA {
        return Ok((A::upgrade(image.schema, &image.data)?, Saved::default()));
    }
    match serde_json::from_slice(&image.data) {
        Ok(actor) => Ok((actor, Saved(Some(image.data)))),
        Err(error) => Err(Fault::Incompatible(format!(
            "the saved state cannot be read: {error}; raise SCHEMA when its form changes"
        ))),
    }
}

fn to_json(state: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(state).map_err(|error| Fault::Rejected(format!("the state cannot be written as JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Activation;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Thing {
        count: u32,
        level: f64,
        names: BTreeMap<String, u32>,
    }

    impl StatefulActor for Thing {
        const SCHEMA: u32 = 2;

        fn wake(_: &Activation) -> Self {
            thing()
        }

        fn upgrade(schema: u32, data: &[u8]) -> Result<Self, Fault> {
            match schema {
                1 => Ok(Self {
                    count: data.len() as u32,
                    ..thing()
                }),
                _ => Err(Fault::Incompatible("too new".into())),
            }
        }
    }

    fn thing() -> Thing {
        Thing {
            count: 1,
            level: 0.1 + 0.2,
            names: BTreeMap::new(),
        }
    }

    fn image(media_type: &str, schema: u32, data: &[u8]) -> Image {
        Image {
            media_type: media_type.into(),
            schema,
            data: data.into(),
        }
    }

    #[test]
    fn only_a_change_is_saved_again() {
        let (mut thing, mut saved) = (thing(), Saved::default());
        assert!(saved.save(&thing).expect("json").is_some());
        assert_eq!(saved.save(&thing).expect("json"), None);
        thing.count += 1;
        let image = saved.save(&thing).expect("json").expect("changed");
        let (restored, mut saved) = restore::<Thing>(image).expect("own image");
        assert_eq!(restored, thing);
        assert_eq!(saved.save(&restored).expect("json"), None);
    }

    #[test]
    fn an_upgraded_state_is_saved_in_its_new_form() {
        let (thing, mut saved) = restore::<Thing>(image(MEDIA_TYPE, 1, b"old")).expect("upgrade");
        assert_eq!(thing.count, 3);
        assert_eq!(saved.save(&thing).expect("json").expect("not saved yet").schema, 2);
    }

    #[test]
    fn what_cannot_be_read_is_incompatible() {
        for bad in [
            image("application/cbor", 2, b"{}"),
            image(MEDIA_TYPE, 3, b"{}"),
            image(MEDIA_TYPE, 2, b"{}"),
            image(MEDIA_TYPE, 2, b"\xff\0"),
        ] {
            let fault = restore::<Thing>(bad).expect_err("unreadable");
            assert!(matches!(fault, Fault::Incompatible(_)), "{fault:?}");
        }
    }
}
