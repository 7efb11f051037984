//! How a new machine becomes a host: somebody who may enrol hosts writes an [`Invitation`], a short text that works once; the machine
//! makes its own key and shows that it has the text; it gets its token and the trust bundle, and believes neither before it has
//! checked both.
//!
//! The text names the operator whose word counts and holds a secret of 128 bits. The secret itself is never sent: it keys a MAC over
//! each message, in both directions, and the name of the subject that the two meet on. Whoever listens in learns public keys and
//! tokens, which are no secrets, and can neither ask in the machine's place nor answer in the issuer's.
//!
//! ```
//! use lattice_core::invitation::{Application, Door, Heard, Invitation, SECRET_BYTES};
//! use lattice_core::UnixSeconds;
//! use nkeys::KeyPair;
//!
//! let now = UnixSeconds::new(1_763_804_820);
//! let operator = KeyPair::new_operator().public_key().parse()?;
//! let invitation = Invitation {
//!     lattice: "field".parse()?,
//!     servers: vec!["nats://192.0.2.7:4222".to_owned()],
//!     operators: vec![operator],
//!     expires_at: UnixSeconds::new(1_763_805_720),
//!     secret: [7; SECRET_BYTES].into(),
//! };
//! // On the machine, from the text alone:
//! let read: Invitation = invitation.to_text().parse()?;
//! let (host, user) = (KeyPair::new_server(), KeyPair::new_user().public_key().parse()?);
//! let application = Application::new(&read, &host, user, "pi, aarch64", [1; 16])?;
//! // Where the issuer waits:
//! let mut door = Door::new(invitation);
//! let Heard::Asks(applicant) = door.hear(&application.seal(&read)?, now) else { panic!("is let in") };
//! assert_eq!(applicant.host.as_str(), host.public_key());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod application;
mod door;
mod sealed;
mod text;
mod welcome;

pub use application::{Applicant, Application};
pub use door::{Door, Heard};
pub use sealed::{SealError, Secret};
pub use text::{Invitation, InvitationError, PREFIX};
pub use welcome::{Admitted, Answer, NotWelcome, Settings, Welcome};

/// How long the secret is: nobody guesses it, and the text stays short enough to paste.
pub const SECRET_BYTES: usize = 16;

/// The most that either side sends: two tokens of full size, and the rest.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
