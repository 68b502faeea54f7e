//! `omit`: in a body's tree, leaves its key or item out.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

#[derive(Debug)]
struct Omit;

impl Object for Omit {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }
}

pub(super) fn value() -> Value {
    Value::from_object(Omit)
}

/// Whether this is `omit`.
pub(in crate::domain::template) fn is_omit(value: &Value) -> bool {
    value.downcast_object_ref::<Omit>().is_some()
}
