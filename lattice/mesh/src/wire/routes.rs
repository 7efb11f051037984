//! Routes seen before: in both directions a look-up instead of an encoding.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::RwLock;

use super::call::{self, CallRoute, HeadError};

/// Routes kept, in each direction. When full, all are dropped and come back as they are used.
const ROUTES_MAX: usize = 4096;

/// Encoded routes of the calls we make.
#[derive(Debug, Default)]
pub(crate) struct EncodedRoutes(RwLock<HashMap<CallRoute, Bytes>>);

/// Decoded routes of the calls that come in.
#[derive(Debug, Default)]
pub(crate) struct DecodedRoutes(RwLock<HashMap<Bytes, Arc<CallRoute>>>);

impl EncodedRoutes {
    pub(crate) fn encode(&self, route: &CallRoute) -> Bytes {
        if let Some(encoded) = self.0.read().get(route) {
            return encoded.clone();
        }
        let mut encoded = BytesMut::new();
        call::encode(route, &mut encoded);
        let encoded = encoded.freeze();
        insert(&self.0, route.clone(), encoded.clone());
        encoded
    }
}

impl DecodedRoutes {
    pub(crate) fn decode(&self, encoded: &Bytes) -> Result<Arc<CallRoute>, HeadError> {
        if let Some(route) = self.0.read().get(encoded) {
            return Ok(route.clone());
        }
        let route = Arc::new(CallRoute::decode(encoded)?);
        // A copy: the slice would keep the whole message it came in.
        insert(&self.0, Bytes::copy_from_slice(encoded), route.clone());
        Ok(route)
    }
}

fn insert<K: std::hash::Hash + Eq, V>(routes: &RwLock<HashMap<K, V>>, key: K, value: V) {
    let mut routes = routes.write();
    if routes.len() >= ROUTES_MAX {
        routes.clear();
    }
    routes.insert(key, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_stays_small() {
        let (encoded, decoded) = (EncodedRoutes::default(), DecodedRoutes::default());
        for number in 0..ROUTES_MAX + 10 {
            let route = CallRoute::new(
                "actor/ping".parse().expect("a party"),
                format!("actor/pong-{number}").parse().expect("a party"),
                "lnk:dev/actor/ping/demo:ping/pong/default".parse().expect("a link id"),
                "demo:ping/pong@0.1.0".parse().expect("an interface"),
                "play".parse().expect("a function"),
            );
            for _ in 0..2 {
                let bytes = encoded.encode(&route);
                assert_eq!(*decoded.decode(&bytes).expect("own route"), route);
            }
        }
        assert!(encoded.0.read().len() <= ROUTES_MAX && decoded.0.read().len() <= ROUTES_MAX);
        assert!(decoded.decode(&Bytes::from_static(b"rubbish")).is_err());
    }
}
