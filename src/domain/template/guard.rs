//! Comparisons that tell when they compare what cannot be compared, and products of what cannot be multiplied.
//!
//! Minijinja orders any two values, those of different kinds by their kind. So `<` and its siblings are replaced in the
//! compiled program by the tests of the same name, which the [language](super::language) has its own of.
//!
//! In the same way `*` multiplies numbers only. Minijinja's also repeats texts and lists, as often as a lead says.

use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::reason::{self, kind_name};

/// Not one of the slots that the engine remembers tests in.
const NO_SLOT: u8 = !0;

/// A filter with a name that no template can write: gives its two values back, if they can be compared.
pub(super) const COMPARABLE: &str = "<comparable>";

/// A filter with a name that no template can write: gives its two values back, if they can be multiplied.
pub(super) const FACTORS: &str = "<factors>";

/// The same program with every ordering comparison and every multiplication guarded.
pub(super) fn guarded(program: &Instructions<'static>) -> Instructions<'static> {
    let all: Vec<&Instruction<'static>> = (0..).map_while(|i| program.get(i)).collect();
    // Where each instruction begins in the new program; jumps may also go to just behind the last.
    let mut place = 0;
    let mut places = Vec::with_capacity(all.len() + 1);
    for instruction in &all {
        places.push(place);
        place += if guard_of(instruction).is_some() { 3 } else { 1 };
    }
    places.push(place);
    let moved = |to: u32| places.get(to as usize).copied().unwrap_or(to);

    let mut new = Instructions::new(program.name(), program.source());
    for (i, instruction) in (0..).zip(all) {
        let mut add = |instruction| match (program.get_span(i), program.get_line(i)) {
            (Some(span), _) => new.add_with_span(instruction, span),
            (None, Some(line)) => new.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX)),
            (None, None) => new.add(instruction),
        };
        if let Some(guard) = guard_of(instruction) {
            add(Instruction::ApplyFilter(guard, Some(2), NO_SLOT));
            add(Instruction::UnpackList(2));
        }
        add(match instruction {
            Instruction::Lt => test("<"),
            Instruction::Lte => test("<="),
            Instruction::Gt => test(">"),
            Instruction::Gte => test(">="),
            Instruction::Jump(to) => Instruction::Jump(moved(*to)),
            Instruction::JumpIfFalse(to) => Instruction::JumpIfFalse(moved(*to)),
            Instruction::JumpIfFalseOrPop(to) => Instruction::JumpIfFalseOrPop(moved(*to)),
            Instruction::JumpIfTrueOrPop(to) => Instruction::JumpIfTrueOrPop(moved(*to)),
            Instruction::Iterate(to) => Instruction::Iterate(moved(*to)),
            other => (*other).clone(),
        });
    }
    new
}

fn test(name: &'static str) -> Instruction<'static> {
    Instruction::PerformTest(name, Some(2), NO_SLOT)
}

/// What looks at an instruction's two values before it does.
fn guard_of(instruction: &Instruction<'_>) -> Option<&'static str> {
    match instruction {
        Instruction::Mul => Some(FACTORS),
        _ => is_chained_order(instruction).then_some(COMPARABLE),
    }
}

/// One of `a < b < c`, but for the last.
fn is_chained_order(instruction: &Instruction<'_>) -> bool {
    let Instruction::CompareAndPreserve(op) = instruction else { return false };
    // The type of `op` is not public, its name is.
    matches!(format!("{op:?}").as_str(), "Lt" | "Lte" | "Gt" | "Gte")
}

/// Both values, the second first, as the engine unpacks them, if they can be compared.
pub(super) fn comparable(a: Value, b: Value) -> Result<Vec<Value>, Error> {
    compared(&a, &b)?;
    Ok(vec![b, a])
}

/// Both values, the second first, as the engine unpacks them, if they can be multiplied.
pub(super) fn factors(a: Value, b: Value) -> Result<Vec<Value>, Error> {
    if a.is_undefined() || b.is_undefined() {
        return Err(reason::missing());
    }
    match [a.kind(), b.kind()].into_iter().find(|kind| *kind != ValueKind::Number) {
        Some(kind) => Err(reason::said(not_multiplied(kind))),
        None => Ok(vec![b, a]),
    }
}

/// Why `*` does not take a value of this kind.
pub(super) fn not_multiplied(kind: ValueKind) -> String {
    format!("`*` multiplies numbers only, and {} is none", kind_name(kind))
}

pub(super) fn less(a: &Value, b: &Value) -> Result<bool, Error> {
    compared(a, b).map(|()| a < b)
}

pub(super) fn less_or_equal(a: &Value, b: &Value) -> Result<bool, Error> {
    compared(a, b).map(|()| a <= b)
}

pub(super) fn greater(a: &Value, b: &Value) -> Result<bool, Error> {
    compared(a, b).map(|()| a > b)
}

pub(super) fn greater_or_equal(a: &Value, b: &Value) -> Result<bool, Error> {
    compared(a, b).map(|()| a >= b)
}

/// Whether two values stand in an order.
pub(super) fn compared(a: &Value, b: &Value) -> Result<(), Error> {
    if a.is_undefined() || b.is_undefined() {
        return Err(reason::missing());
    }
    match (a.kind(), b.kind()) {
        (a, b) if a == b && is_ordered(a) => Ok(()),
        (a, b) if a == b => Err(reason::said(format!("{} has no order", kind_name(a)))),
        (a, b) => Err(reason::said(format!("{} cannot be compared with {}", kind_name(a), kind_name(b)))),
    }
}

/// Whether two values of this kind stand in an order that a template can ask for.
pub(super) fn is_ordered(kind: ValueKind) -> bool {
    matches!(kind, ValueKind::Number | ValueKind::String | ValueKind::Bool)
}
