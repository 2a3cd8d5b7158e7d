use syn::LitStr;

use crate::suggest;

/// How serde's `rename_all` writes the names of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Case {
    /// As they are; what `lowercase` and `snake_case` come to, for fields.
    #[default]
    Kept,
    Upper,
    Pascal,
    Camel,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

/// serde's words for them.
const WORDS: [(&str, Case); 8] = [
    ("lowercase", Case::Kept),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Kept),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    /// The case that `word` names.
    pub(super) fn parse(word: &LitStr) -> syn::Result<Self> {
        let given = word.value();
        let found = WORDS.iter().find(|(name, _)| *name == given);
        found.map(|(_, case)| *case).ok_or_else(|| {
            let hint = suggest::hint(&given, &WORDS.map(|(name, _)| name));
            syn::Error::new(word.span(), format!("unknown case {given:?}: {hint}"))
        })
    }

    /// The field `name` in this case.
    pub(super) fn apply(self, name: &str) -> String {
        match self {
            Case::Kept => name.to_owned(),
            Case::Upper | Case::ScreamingSnake => name.to_ascii_uppercase(),
            Case::Pascal => pascal(name),
            Case::Camel => {
                let pascal = pascal(name);
                let mut letters = pascal.chars();
                let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                first.into_iter().chain(letters).collect()
            }
            Case::Kebab => name.replace('_', "-"),
            Case::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn pascal(name: &str) -> String {
    let mut capitalize = true;
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter == '_' {
            capitalize = true;
        } else if capitalize {
            text.push(letter.to_ascii_uppercase());
            capitalize = false;
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_as_serde_has_them() {
        let cases: Vec<_> = WORDS.iter().map(|(_, case)| case.apply("very_tasty2")).collect();
        let expected = [
            "very_tasty2",
            "VERY_TASTY2",
            "VeryTasty2",
            "veryTasty2",
            "very_tasty2",
            "VERY_TASTY2",
            "very-tasty2",
            "VERY-TASTY2",
        ];
        assert_eq!(cases, expected);
    }
}
