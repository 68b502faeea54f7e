//! What a template looks up, and what in it cannot work for any event.

mod expressions;

use std::ops::Range;

use minijinja::Environment;
use minijinja::machinery::ast::{Expr, Stmt};

use super::Wrong;

/// A path that a template looks up, such as `lead.csat.rating`; `lead.chats.messages[].body` for what is looked up in
/// each item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The path, from the top.
    pub path: String,
    /// Where, in bytes of the template's text.
    pub at: Range<usize>,
}

/// What there is to know of a template beside its program.
pub(super) struct Found {
    pub(super) names: Vec<Name>,
    /// Where each expression that can go wrong stands.
    pub(super) parts: Vec<Range<usize>>,
}

/// What a template looks up.
///
/// # Errors
/// What cannot work for any event: a filter, test or function that does not exist, and the like.
pub(super) fn found(statement: &Stmt<'_>, language: &Environment<'_>) -> Result<Found, Wrong> {
    let found = Found { names: Vec::new(), parts: Vec::new() };
    let mut walk = Walk { language, given: Vec::new(), found, wrong: None };
    walk.statement(statement);
    match walk.wrong {
        Some(wrong) => Err(wrong),
        None => Ok(walk.found),
    }
}

/// A name that the template itself has given, and the path that it stands for, where it stands for one.
struct Given {
    name: String,
    path: Option<String>,
}

struct Walk<'e, 'env> {
    language: &'e Environment<'env>,
    given: Vec<Given>,
    found: Found,
    wrong: Option<Wrong>,
}

impl Walk<'_, '_> {
    fn wrong(&mut self, message: String, at: Range<usize>, help: Option<String>) {
        self.wrong.get_or_insert(Wrong { message, at, help });
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    /// What is named inside has no name outside.
    fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        let outside = self.given.len();
        inside(self);
        self.given.truncate(outside);
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.expression(&each.iter);
                let item = self.path(&each.iter).map(|path| format!("{path}[]"));
                self.scope(|walk| {
                    walk.give("loop", None);
                    walk.give_to(&each.target, item);
                    if let Some(filter) = &each.filter_expr {
                        walk.expression(filter);
                    }
                    walk.statements(&each.body);
                });
                self.scope(|walk| walk.statements(&each.else_body));
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            Stmt::WithBlock(with) => self.scope(|walk| {
                for (target, value) in &with.assignments {
                    walk.expression(value);
                    let path = walk.path(value);
                    walk.give_to(target, path);
                }
                walk.statements(&with.body);
            }),
            Stmt::Set(set) => {
                self.expression(&set.expr);
                let path = self.path(&set.expr);
                self.give_to(&set.target, path);
            }
            Stmt::SetBlock(set) => {
                self.scope(|walk| walk.statements(&set.body));
                if let Some(filter) = &set.filter {
                    self.expression(filter);
                }
                self.give_to(&set.target, None);
            }
            Stmt::AutoEscape(block) => {
                let help = "take it out; `| safe` lets a text of your own stand as it is";
                let at = range(block.span());
                self.wrong("escaping cannot be turned off".to_owned(), at, Some(help.to_owned()));
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.scope(|walk| walk.statements(&block.body));
            }
            Stmt::Do(call) => self.call(&call.call),
        }
    }

    fn give(&mut self, name: &str, path: Option<String>) {
        self.given.push(Given { name: name.to_owned(), path });
    }

    fn give_to(&mut self, target: &Expr<'_>, path: Option<String>) {
        match target {
            Expr::Var(name) => self.give(name.id, path),
            Expr::List(names) => names.items.iter().for_each(|name| self.give_to(name, None)),
            Expr::Tuple(names) => names.items.iter().for_each(|name| self.give_to(name, None)),
            _ => {}
        }
    }

    fn given(&self, name: &str) -> Option<&Given> {
        self.given.iter().rev().find(|given| given.name == name)
    }

    /// The path that an expression stands for, if it is one, or the items of one in another order.
    fn path(&self, expression: &Expr<'_>) -> Option<String> {
        match expression {
            Expr::Var(name) => match self.given(name.id) {
                Some(given) => given.path.clone(),
                None => Some(name.id.to_owned()),
            },
            Expr::GetAttr(attr) => self.path(&attr.expr).map(|base| format!("{base}.{}", attr.name)),
            Expr::GetItem(item) => {
                let Expr::Const(key) = &item.subscript_expr else { return None };
                let base = self.path(&item.expr)?;
                match key.value.as_str() {
                    Some(key) => Some(format!("{base}.{key}")),
                    None => key.value.is_integer().then(|| format!("{base}[]")),
                }
            }
            Expr::UnaryOp(_) => None,
            Expr::Slice(slice) => self.path(&slice.expr),
            Expr::Filter(filter) => {
                let base = self.path(filter.expr.as_ref()?)?;
                match filter.name {
                    "first" | "last" => Some(format!("{base}[]")),
                    "list" | "sort" | "reverse" | "unique" | "select" | "reject" | "selectattr" | "rejectattr" => {
                        Some(base)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn range(span: minijinja::machinery::Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}
