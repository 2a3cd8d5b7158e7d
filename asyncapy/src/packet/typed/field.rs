/// A field of a typed packet, as far as its type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    name: &'static str,
    aliases: &'static [&'static str],
    kind: FieldKind,
    required: bool,
    nullable: bool,
}

/// What a field may hold, besides null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldKind {
    /// Anything: lists, maps, and whatever a type's serde impl accepts.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number, whole or not.
    Float,
    /// Text.
    Text,
}

impl Field {
    /// A field; the derive's own.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        aliases: &'static [&'static str],
        kind: FieldKind,
        required: bool,
        optional: bool,
    ) -> Self {
        Self { name, aliases, kind, required, nullable: optional || matches!(kind, FieldKind::Any) }
    }

    /// Its name on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Other names under which it is read (`#[serde(alias = "..")]`).
    pub const fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// What it may hold.
    pub const fn kind(&self) -> FieldKind {
        self.kind
    }

    /// Whether a packet without it is refused. A type's serde impl may be more lenient than this says.
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Whether it may be null.
    pub const fn is_nullable(&self) -> bool {
        self.nullable
    }
}
