//! The commands, one a file: what can be typed, and what it does. Parsing ends here; printing begins in `output`.

pub(crate) mod app;
pub(crate) mod apply;
pub(crate) mod call;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod cordon;
pub(crate) mod describe;
pub(crate) mod dev;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod drain;
pub(crate) mod get;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod link;
pub(crate) mod relocate;
pub(crate) mod scale;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod up;
pub(crate) mod validate;
pub(crate) mod version;
pub(crate) mod wait;
