//! Members of a lattice on a real nats-server.

mod asks;
mod bodies;
mod calls;
mod failures;
mod forgery;
mod keyed;
mod links;
mod load;
mod presence;
mod restart;
mod trust;
mod world;
