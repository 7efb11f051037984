//! Through whose eyes a page is seen.

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// What the person likes better: `light` or `dark`.
    pub scheme: &'static str,
}

/// Somebody at a desk.
pub const DESK: Look = Look {
    width: 1280,
    height: 800,
    scheme: "light",
};
/// The same at night.
pub const NIGHT: Look = Look { scheme: "dark", ..DESK };
/// Somebody with a telephone.
pub const PHONE: Look = Look {
    width: 390,
    height: 844,
    scheme: "light",
};
