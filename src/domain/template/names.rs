//! What a template looks up, and what in it cannot work for any event.

use std::ops::Range;

use minijinja::machinery::ast::{self, CallArg, CallType, Expr, Stmt};
use minijinja::{Environment, Value};

use super::reason::kind_name;
use super::{Wrong, functions, guard};

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

    fn look_up(&mut self, path: String, at: Range<usize>) {
        self.found.names.push(Name { path, at });
    }

    fn expression(&mut self, expression: &Expr<'_>) {
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

    fn call(&mut self, call: &ast::Spanned<ast::Call<'_>>) {
        match call.identify_call() {
            CallType::Function(name) => {
                if self.given(name).is_none() && !self.is_function(name) {
                    let known = functions::FUNCTIONS.iter().copied();
                    let help = super::known::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
                    self.wrong(format!("there is no function `{name}`"), range(call.span()), help);
                }
            }
            CallType::Method(value, _) | CallType::Object(value) => self.expression(value),
        }
        if let CallType::Function(name) = call.identify_call() {
            self.options(name, &call.args);
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
            let known = functions::FILTERS.iter().copied();
            let help = super::known::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
            self.wrong(format!("there is no filter `{name}`"), at, help);
        }
    }

    fn test(&mut self, name: &str, at: Range<usize>) {
        if !self.language.empty_state().perform_test("test", &[Value::from(name)]).unwrap_or(false) {
            let known = functions::TESTS.iter().copied();
            let help = super::known::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
            self.wrong(format!("there is no test `{name}`"), at, help);
        }
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
}

fn range(span: minijinja::machinery::Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
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
