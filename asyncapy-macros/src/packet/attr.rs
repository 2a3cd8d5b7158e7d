//! What the attributes of a type and its fields say: serde's, and `#[packet(..)]`.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprPath, Ident, LitStr, Path, Token, Type, parenthesized, parse_quote, token};

use super::case::Case;
use crate::suggest;

/// Mistakes, gathered so that one build tells them all.
#[derive(Default)]
pub(crate) struct Mistakes(Option<syn::Error>);

impl Mistakes {
    /// Adds a mistake.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Adds the mistake `message` under the tokens `place`.
    pub(crate) fn at(&mut self, place: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(place, message));
    }

    /// All of them, if there are any.
    pub(crate) fn check(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// What stands in for a field that is not in the packet.
#[derive(Default)]
pub(super) enum Fallback {
    /// Nothing: the field is required (unless its type says otherwise).
    #[default]
    Nothing,
    /// `Default::default()`.
    Trait,
    /// What a function returns.
    Path(ExprPath),
}

/// How an enum tells its variants apart.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tagging {
    #[default]
    External,
    Internal,
    Untagged,
}

/// What a type's attributes say.
pub(super) struct Container {
    /// The path of the crate.
    pub(super) krate: Path,
    pub(super) write_case: Case,
    pub(super) read_case: Case,
    pub(super) default: Fallback,
    pub(super) deny_unknown: bool,
    pub(super) tagging: Tagging,
    /// Only serde can read and write it as serde does.
    pub(super) by_serde: bool,
    /// Its fields are not those of a packet (`from`, `into`): no table can be made.
    pub(super) opaque: bool,
    /// The field table tells all names that a packet of this type has.
    pub(super) complete: bool,
}

/// What a field is and what its attributes say.
pub(super) struct Field<'a> {
    pub(super) ident: &'a Ident,
    pub(super) ty: &'a Type,
    pub(super) attrs: &'a [Attribute],
    pub(super) write_name: String,
    pub(super) read_name: String,
    pub(super) aliases: Vec<String>,
    pub(super) default: Fallback,
    pub(super) skip_reading: bool,
    pub(super) skip_writing: bool,
    pub(super) skip_writing_if: Option<ExprPath>,
    pub(super) write_with: Option<ExprPath>,
    pub(super) read_with: Option<ExprPath>,
    pub(super) flatten: bool,
    /// Only serde can read and write the whole type as serde does.
    pub(super) by_serde: bool,
}

impl Container {
    /// Reads the attributes of a type.
    pub(super) fn parse(attrs: &[Attribute], mistakes: &mut Mistakes) -> Self {
        let mut this = Self {
            krate: parse_quote!(::asyncapy),
            write_case: Case::default(),
            read_case: Case::default(),
            default: Fallback::default(),
            deny_unknown: false,
            tagging: Tagging::default(),
            by_serde: false,
            opaque: false,
            complete: true,
        };
        for attr in attrs {
            let parsed = if attr.path().is_ident("serde") {
                attr.parse_nested_meta(|meta| this.serde(&meta))
            } else if attr.path().is_ident("packet") {
                attr.parse_nested_meta(|meta| this.packet(&meta))
            } else {
                Ok(())
            };
            parsed.unwrap_or_else(|error| mistakes.add(error));
        }
        this
    }

    fn packet(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("crate") {
            self.krate = crate_path(meta)?;
            return Ok(());
        }
        Err(unknown(meta, &["crate"]))
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        match word(meta).as_str() {
            "rename_all" => {
                let (write, read) = both_ways(meta)?;
                self.write_case = write.as_ref().map(Case::parse).transpose()?.unwrap_or(self.write_case);
                self.read_case = read.as_ref().map(Case::parse).transpose()?.unwrap_or(self.read_case);
            }
            "default" => self.default = default(meta)?,
            "deny_unknown_fields" => self.deny_unknown = true,
            // They change messages, paths or the type's own name, not the packet.
            "crate" | "expecting" | "rename" | "rename_all_fields" => pass(meta)?,
            "transparent" => {
                return Err(meta.error(
                    "a packet is a map of named fields, but a transparent type is written as the one value it holds",
                ));
            }
            word => {
                match word {
                    "bound" => {}
                    "tag" => self.tagging = Tagging::Internal,
                    "untagged" => self.tagging = Tagging::Untagged,
                    _ => self.opaque = true,
                }
                self.by_serde = true;
                self.complete &= word == "bound";
                pass(meta)?;
            }
        }
        Ok(())
    }
}

impl<'a> Field<'a> {
    /// Reads the attributes of a field.
    pub(super) fn parse(
        field: &'a syn::Field,
        container: &Container,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let name = ident.unraw().to_string();
        let mut this = Self {
            ident,
            ty: &field.ty,
            attrs: &field.attrs,
            write_name: container.write_case.apply(&name),
            read_name: container.read_case.apply(&name),
            aliases: Vec::new(),
            default: Fallback::default(),
            skip_reading: false,
            skip_writing: false,
            skip_writing_if: None,
            write_with: None,
            read_with: None,
            flatten: false,
            by_serde: false,
        };
        for attr in &field.attrs {
            let parsed = if attr.path().is_ident("serde") {
                attr.parse_nested_meta(|meta| this.serde(&meta))
            } else if attr.path().is_ident("packet") {
                Err(syn::Error::new_spanned(
                    attr,
                    "`#[packet(..)]` stands on the type; serde's attributes name the fields",
                ))
            } else {
                Ok(())
            };
            parsed.unwrap_or_else(|error| mistakes.add(error));
        }
        Some(this)
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        match word(meta).as_str() {
            "rename" => {
                let (write, read) = both_ways(meta)?;
                self.write_name = write.map_or_else(|| self.write_name.clone(), |name| name.value());
                self.read_name = read.map_or_else(|| self.read_name.clone(), |name| name.value());
            }
            "alias" => self.aliases.push(meta.value()?.parse::<LitStr>()?.value()),
            "default" => self.default = default(meta)?,
            "skip" => (self.skip_reading, self.skip_writing) = (true, true),
            "skip_deserializing" => self.skip_reading = true,
            "skip_serializing" => self.skip_writing = true,
            "skip_serializing_if" => self.skip_writing_if = Some(path(meta)?),
            "serialize_with" => self.write_with = Some(path(meta)?),
            "deserialize_with" => self.read_with = Some(path(meta)?),
            "with" => {
                let module = path(meta)?;
                self.write_with = Some(member(&module, "serialize"));
                self.read_with = Some(member(&module, "deserialize"));
            }
            // It speaks of generics, which go by serde anyway.
            "bound" => pass(meta)?,
            word => {
                self.flatten |= word == "flatten";
                self.by_serde = true;
                pass(meta)?;
            }
        }
        Ok(())
    }

    /// The names under which it may stand in a packet.
    pub(super) fn read_names(&self) -> impl Iterator<Item = &String> {
        let aliases = self.aliases.iter().filter(|alias| **alias != self.read_name);
        std::iter::once(&self.read_name).chain(aliases).filter(|_| !self.skip_reading && !self.flatten)
    }
}

/// The attribute's word, empty if it is a longer path.
fn word(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// An error that names what is allowed.
pub(crate) fn unknown(meta: &ParseNestedMeta<'_>, allowed: &[&str]) -> syn::Error {
    let given = meta.path.to_token_stream().to_string();
    meta.error(format!("unknown argument `{given}`: {}", suggest::hint(&given, allowed)))
}

/// `crate = path` or, as serde writes it, `crate = "path"`.
pub(crate) fn crate_path(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    let value = meta.value()?;
    if value.peek(LitStr) { value.parse::<LitStr>()?.parse() } else { value.call(Path::parse_mod_style) }
}

/// `= "text"` for both ways, or `(serialize = "..", deserialize = "..")`: writing first, then reading.
fn both_ways(meta: &ParseNestedMeta<'_>) -> syn::Result<(Option<LitStr>, Option<LitStr>)> {
    if meta.input.peek(Token![=]) {
        let text: LitStr = meta.value()?.parse()?;
        return Ok((Some(text.clone()), Some(text)));
    }
    let (mut write, mut read) = (None, None);
    meta.parse_nested_meta(|inner| {
        let way = match word(&inner).as_str() {
            "serialize" => &mut write,
            "deserialize" => &mut read,
            _ => return Err(unknown(&inner, &["serialize", "deserialize"])),
        };
        *way = Some(inner.value()?.parse()?);
        Ok(())
    })?;
    Ok((write, read))
}

/// `default` or `default = "path"`.
fn default(meta: &ParseNestedMeta<'_>) -> syn::Result<Fallback> {
    if meta.input.peek(Token![=]) { path(meta).map(Fallback::Path) } else { Ok(Fallback::Trait) }
}

/// `= "path"`.
fn path(meta: &ParseNestedMeta<'_>) -> syn::Result<ExprPath> {
    meta.value()?.parse::<LitStr>()?.parse()
}

/// The function `name` of the module (or type) that `parent` names.
fn member(parent: &ExprPath, name: &str) -> ExprPath {
    let mut path = parent.clone();
    path.path.segments.push(Ident::new(name, Span::call_site()).into());
    path
}

/// Reads past what follows the word of an attribute that does not matter here.
fn pass(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(token::Paren) {
        let content;
        parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}
