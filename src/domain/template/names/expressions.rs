//! Expressions: what they look up, and what in them cannot work for any event.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::ast::{self, CallArg, CallType, Expr};
use minijinja::value::ValueKind;

use super::{Name, Walk, range};
use crate::domain::template::known::nearest;
use crate::domain::template::reason::kind_name;
use crate::domain::template::{functions, guard};

impl Walk<'_, '_> {
    fn look_up(&mut self, path: String, at: Range<usize>) {
        self.found.names.push(Name { path, at });
    }

    pub(super) fn expression(&mut self, expression: &Expr<'_>) {
        if can_fail(expression) {
            self.found.parts.push(start(expression)..range(expression.span()).end);
        }
        match expression {
            Expr::Var(name) => match self.given(name.id) {
                None if name.id == functions::OMIT => {}
                None if self.is_function(name.id) => {
                    let help = format!("write {}(...)", name.id);
                    self.wrong(format!("`{}` is a function", name.id), range(name.span()), Some(help));
                }
                _ => self.whole(expression),
            },
            Expr::GetAttr(attr) => match self.path(expression) {
                Some(_) => self.whole(expression),
                None => self.expression(&attr.expr),
            },
            Expr::GetItem(item) => match self.path(expression) {
                Some(_) => self.whole(expression),
                None => {
                    self.expression(&item.expr);
                    self.expression(&item.subscript_expr);
                }
            },
            Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                [&slice.start, &slice.stop, &slice.step].into_iter().flatten().for_each(|part| self.expression(part));
            }
            Expr::UnaryOp(op) => self.expression(&op.expr),
            Expr::BinOp(op) => {
                if let ast::BinOpKind::Lt | ast::BinOpKind::Lte | ast::BinOpKind::Gt | ast::BinOpKind::Gte = op.op {
                    self.comparison(&op.left, &op.right);
                }
                if let ast::BinOpKind::Mul = op.op {
                    self.factor(&op.left);
                    self.factor(&op.right);
                }
                self.expression(&op.left);
                self.expression(&op.right);
            }
            Expr::Compare(chain) => {
                self.expression(&chain.expr);
                let mut left = &chain.expr;
                for op in &chain.ops {
                    use ast::CompareOpKind::{Gt, Gte, Lt, Lte};
                    if matches!(op.op, Lt | Lte | Gt | Gte) {
                        self.comparison(left, &op.expr);
                    }
                    self.expression(&op.expr);
                    left = &op.expr;
                }
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                choice.false_expr.iter().for_each(|otherwise| self.expression(otherwise));
            }
            Expr::Filter(filter) => {
                filter.expr.iter().for_each(|value| self.expression(value));
                self.filter(filter.name, range(filter.span()));
                self.options(filter.name, &filter.args);
                self.arguments(&filter.args);
                if let Some(path) = filter.expr.as_ref().and_then(|value| self.path(value)) {
                    self.of_items(filter, &path);
                }
                self.named_in(filter);
            }
            Expr::Test(test) => {
                self.expression(&test.expr);
                self.test(test.name, range(test.span()));
                self.arguments(&test.args);
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|part| self.expression(part)),
        }
    }

    /// An expression that is a path.
    fn whole(&mut self, expression: &Expr<'_>) {
        if let Some(path) = self.path(expression) {
            self.look_up(path, range(expression.span()));
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            let (CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value)) = argument;
            self.expression(value);
        }
    }

    pub(super) fn call(&mut self, call: &ast::Spanned<ast::Call<'_>>) {
        match call.identify_call() {
            CallType::Function(name) => {
                if self.given(name).is_none() && !self.is_function(name) {
                    self.unknown("function", name, functions::FUNCTIONS, range(call.span()));
                }
                self.options(name, &call.args);
            }
            CallType::Method(value, _) | CallType::Object(value) => self.expression(value),
        }
        self.arguments(&call.args);
    }

    /// The options of our own filters and functions; a misspelt one would be found when the first lead comes.
    fn options(&mut self, of: &str, arguments: &[CallArg<'_>]) {
        let Some((_, known)) = functions::OPTIONS.iter().find(|(name, _)| *name == of) else { return };
        for argument in arguments {
            if let CallArg::Kwarg(name, value) = argument
                && !known.contains(name)
            {
                let help = format!("it has {}", known.join(", "));
                self.wrong(format!("`{of}` has no option `{name}`"), range(value.span()), Some(help));
            }
        }
    }

    fn is_function(&self, name: &str) -> bool {
        self.language.globals().any(|(known, _)| known == name)
    }

    fn filter(&mut self, name: &str, at: Range<usize>) {
        if !self.language.empty_state().perform_test("filter", &[Value::from(name)]).unwrap_or(false) {
            self.unknown("filter", name, functions::FILTERS, at);
        }
    }

    fn test(&mut self, name: &str, at: Range<usize>) {
        if !self.language.empty_state().perform_test("test", &[Value::from(name)]).unwrap_or(false) {
            self.unknown("test", name, functions::TESTS, at);
        }
    }

    fn unknown(&mut self, what: &str, name: &str, known: &[&str], at: Range<usize>) {
        let help = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        self.wrong(format!("there is no {what} `{name}`"), at, help);
    }

    /// `messages | map(attribute="body")` looks up `messages[].body`.
    fn of_items(&mut self, filter: &ast::Spanned<ast::Filter<'_>>, path: &str) {
        let position = match filter.name {
            "selectattr" | "rejectattr" | "groupby" | "sum" => Some(0),
            "join" => Some(1),
            _ => None,
        };
        let by_place = position.and_then(|i| match filter.args.get(i) {
            Some(CallArg::Pos(Expr::Const(name))) => Some(name),
            _ => None,
        });
        let by_name = filter.args.iter().find_map(|argument| match argument {
            CallArg::Kwarg("attribute", Expr::Const(name)) => Some(name),
            _ => None,
        });
        if let Some(name) = by_place.or(by_name)
            && let Some(attribute) = name.value.as_str()
        {
            self.look_up(format!("{path}[].{attribute}"), range(filter.span()));
        }
    }

    /// Filters and tests that are named in texts: `map("upper")`, `select("gt", 3)`, `selectattr("body", "defined")`.
    fn named_in(&mut self, filter: &ast::Spanned<ast::Filter<'_>>) {
        let text = |i: usize| match filter.args.get(i) {
            Some(CallArg::Pos(Expr::Const(name))) => {
                name.value.as_str().map(|text| (text.to_owned(), range(name.span())))
            }
            _ => None,
        };
        let (a_filter, a_test) = match filter.name {
            "map" => (text(0), None),
            "select" | "reject" => (None, text(0)),
            "selectattr" | "rejectattr" => (None, text(1)),
            _ => (None, None),
        };
        if let Some((name, at)) = a_filter {
            self.filter(&name, at);
        }
        if let Some((name, at)) = a_test {
            self.test(&name, at);
        }
    }

    /// What is written out on both sides is never compared when the program runs, so it is looked at here.
    fn comparison(&mut self, left: &Expr<'_>, right: &Expr<'_>) {
        let (Some(a), Some(b)) = (left.as_const(), right.as_const()) else { return };
        let (a, b) = (a.kind(), b.kind());
        if a != b || !guard::is_ordered(a) {
            let at = range(left.span()).start..range(right.span()).end;
            self.wrong(format!("{} cannot be compared with {}", kind_name(a), kind_name(b)), at, None);
        }
    }

    /// What is written out on both sides is multiplied when the program is made, and not when it runs.
    fn factor(&mut self, factor: &Expr<'_>) {
        if let Some(kind) = written_kind(factor).filter(|kind| *kind != ValueKind::Number) {
            let help = "nothing is repeated with it; write out what is to stand there twice";
            let at = start(factor)..range(factor.span()).end;
            self.wrong(guard::not_multiplied(kind), at, Some(help.to_owned()));
        }
    }
}

/// The kind of what is written out, whatever is in it.
fn written_kind(expression: &Expr<'_>) -> Option<ValueKind> {
    match expression {
        Expr::List(_) | Expr::Tuple(_) => Some(ValueKind::Seq),
        Expr::Map(_) => Some(ValueKind::Map),
        other => other.as_const().map(|value| value.kind()),
    }
}

/// Where an expression begins; the parser's own places of some begin at their operator.
fn start(expression: &Expr<'_>) -> usize {
    match expression {
        Expr::BinOp(op) => start(&op.left),
        Expr::Compare(chain) => start(&chain.expr),
        Expr::IfExpr(choice) => start(&choice.true_expr),
        Expr::Filter(filter) => match &filter.expr {
            Some(value) => start(value),
            None => range(filter.span()).start,
        },
        Expr::Test(test) => start(&test.expr),
        Expr::GetAttr(attr) => start(&attr.expr),
        Expr::GetItem(item) => start(&item.expr),
        Expr::Slice(slice) => start(&slice.expr),
        Expr::Call(call) => start(&call.expr),
        other => range(other.span()).start,
    }
}

/// Whether something can go wrong in this expression itself, and not only in its parts.
fn can_fail(expression: &Expr<'_>) -> bool {
    use ast::BinOpKind::{ScAnd, ScOr};
    match expression {
        Expr::Const(_) | Expr::Var(_) | Expr::IfExpr(_) => false,
        Expr::BinOp(op) => !matches!(op.op, ScAnd | ScOr),
        Expr::UnaryOp(op) => !matches!(op.op, ast::UnaryOpKind::Not),
        _ => true,
    }
}
