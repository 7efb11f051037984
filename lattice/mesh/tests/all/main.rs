//! Members of a lattice on a real nats-server.

mod bodies;
mod calls;
mod failures;
mod forgery;
mod links;
mod load;
mod presence;
mod restart;
mod trust;
mod world;
