//! Fields of forms, and what is wrong with them.

/// A field as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) control: Control,
    /// What stands in it; several of [`Control::Checks`] are separated by blanks.
    pub(super) value: String,
    /// What it is, and where it is found.
    pub(super) hint: String,
    /// What is to be known of what stands in it; no mistake.
    pub(super) note: String,
    pub(super) error: Option<String>,
    pub(super) required: bool,
    pub(super) placeholder: String,
    pub(super) autocomplete: &'static str,
}

/// What a person sets a field with.
#[derive(Clone, Debug)]
pub(super) enum Control {
    /// One line; the type of the input: text, password, url, email, date.
    Text(&'static str),
    /// Several lines.
    Area,
    /// Yes or no: `true`, or nothing.
    Check,
    /// Any of these: value and label.
    Checks(Vec<(String, String)>),
    /// One of these: value and label.
    Choice(Vec<(String, String)>),
    /// An upload; the form is multipart.
    File,
}

/// What is wrong with a form: with a field, or (an empty name) with all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) text: String,
}

impl Field {
    pub(super) fn new(name: &'static str, label: &'static str, control: Control) -> Self {
        Self {
            name,
            label,
            control,
            value: String::new(),
            hint: String::new(),
            note: String::new(),
            error: None,
            required: false,
            placeholder: String::new(),
            autocomplete: "off",
        }
    }

    /// One line of text.
    pub(super) fn text(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, Control::Text("text"))
    }

    pub(super) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    pub(super) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    pub(super) fn placeholder(self, placeholder: impl Into<String>) -> Self {
        Self { placeholder: placeholder.into(), ..self }
    }

    pub(super) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// For password managers: `current-password`, `new-password`, `username`.
    pub(super) fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// Takes what is wrong with it from all that is wrong.
    pub(super) fn judged(self, wrong: &[Wrong]) -> Self {
        let error = wrong.iter().find(|wrong| wrong.field == self.name).map(|wrong| wrong.text.clone());
        Self { error, ..self }
    }

    pub(super) fn id(&self) -> String {
        format!("f-{}", self.name)
    }

    pub(super) fn described(&self) -> String {
        format!("{0}-hint {0}-note {0}-error", self.id())
    }

    pub(super) fn has(&self, value: &str) -> bool {
        self.value.split(' ').any(|one| one == value)
    }
}

impl Wrong {
    pub(super) fn new(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self { field: field.into(), text: text.into() }
    }
}
