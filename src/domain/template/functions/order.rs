//! `min`, `max` and `sort`, of values that have an order.

use minijinja::value::Kwargs;
use minijinja::{Error, State, Value, filters};

use crate::domain::template::guard;

pub(super) fn min(state: &State<'_, '_>, values: Value, options: Kwargs) -> Result<Value, Error> {
    comparable(&values, &options)?;
    filters::min(state, values, options)
}

pub(super) fn max(state: &State<'_, '_>, values: Value, options: Kwargs) -> Result<Value, Error> {
    comparable(&values, &options)?;
    filters::max(state, values, options)
}

pub(super) fn sort(state: &State<'_, '_>, values: Value, options: Kwargs) -> Result<Value, Error> {
    comparable(&values, &options)?;
    filters::sort(state, values, options)
}

/// Values of different kinds stand in no order. With an attribute it is those that are compared.
fn comparable(values: &Value, options: &Kwargs) -> Result<(), Error> {
    if values.is_undefined() {
        return Ok(());
    }
    let attribute: Option<&str> = options.peek("attribute").ok();
    let compared = |item: Value| match attribute {
        Some(path) => path.split('.').fold(item, |item, key| item.get_attr(key).unwrap_or_default()),
        None => item,
    };
    let mut items = values.try_iter()?.map(compared);
    let Some(first) = items.next() else { return Ok(()) };
    items.try_for_each(|item| guard::compared(&first, &item))
}
