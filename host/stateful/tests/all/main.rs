//! Several hosts' runtimes in one process, on a real nats-server. Actors are plain Rust; where hosts would reach each other over
//! the lattice they call each other, unless a test has cut them apart.

mod life;
mod losses;
mod messages;
mod moves;
mod world;
