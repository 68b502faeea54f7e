//! A template that has been parsed, checked and compiled.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::machinery::ast::{self, Spanned};
use minijinja::machinery::{CodeGenerator, Instructions, eval, make_string_output, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Value};

use super::language::{self, Use};
use super::names::{self, Name};
use super::reason::said;
use super::{Context, Wrong, guard};

/// A rendered text is at most so long, in bytes.
const LONGEST: usize = 1 << 20;

static NO_BLOCKS: BTreeMap<&'static str, Instructions<'static>> = BTreeMap::new();

/// Ready to run, any number of times and from any thread.
#[derive(Clone)]
pub(super) struct Program {
    environment: &'static Environment<'static>,
    escape: AutoEscape,
    instructions: Arc<Instructions<'static>>,
    names: Arc<[Name]>,
}

/// A template's program, and whether it is exactly one expression, whose value can be asked for.
pub(super) struct Parsed {
    pub(super) text: Program,
    pub(super) expression: Option<Program>,
}

impl Program {
    /// A condition: an expression by itself.
    pub(super) fn condition(text: &str) -> Result<Program, Wrong> {
        let source = kept(text);
        if text.trim().is_empty() {
            return Err(Wrong::new("is empty", 0..text.len(), "write a condition, for example csat.low"));
        }
        if text.trim_start().starts_with("{{") {
            return Err(Wrong::new("is not a template", 0..text.len(), "write the condition without {{ and }}"));
        }
        let expression = parse_expr(source).map_err(|error| syntax(&error, text))?;
        let environment = language::of(Use::Condition);
        let names = names::of_expression(&expression, environment)?;
        Ok(Program::compiled(Use::Condition, source, names.into(), |code| code.compile_expr(&expression)))
    }

    /// A text with `{{ }}` in it.
    pub(super) fn text(text: &str, place: Use) -> Result<Parsed, Wrong> {
        let source = kept(text);
        // As it stands: a body's last line end is part of it.
        let syntax_config = SyntaxConfig::builder().keep_trailing_newline(true).build();
        let syntax_config = syntax_config.map_err(|error| syntax(&error, text))?;
        let statement = parse(source, "template", syntax_config).map_err(|error| syntax(&error, text))?;
        let names: Arc<[Name]> = names::of_statement(&statement, language::of(place))?.into();
        let expression = only_expression(&statement).map(|expression| {
            Program::compiled(place, source, names.clone(), |code| code.compile_expr(&expression.expr))
        });
        let text = Program::compiled(place, source, names, |code| code.compile_stmt(&statement));
        Ok(Parsed { text, expression })
    }

    fn compiled(
        place: Use,
        source: &'static str,
        names: Arc<[Name]>,
        compile: impl FnOnce(&mut CodeGenerator<'static>),
    ) -> Program {
        let mut code = CodeGenerator::new("template", source);
        compile(&mut code);
        let instructions = Arc::new(guard::guarded(&code.finish().0));
        Program { environment: language::of(place), escape: place.auto_escape(), instructions, names }
    }

    /// The value of an expression.
    pub(super) fn evaluate(&self, context: &Context) -> Result<Value, Error> {
        self.run(context, &mut String::new()).map(Option::unwrap_or_default)
    }

    /// The text of a template.
    pub(super) fn render(&self, context: &Context) -> Result<String, Error> {
        let mut text = String::new();
        self.run(context, &mut text)?;
        if text.len() > LONGEST {
            return Err(said(format!("makes more than {LONGEST} bytes")));
        }
        Ok(text)
    }

    fn run(&self, context: &Context, out: &mut String) -> Result<Option<Value>, Error> {
        let mut out = make_string_output(out);
        let root = context.root();
        let (value, _) = eval(self.environment, &self.instructions, root, &NO_BLOCKS, &mut out, self.escape.clone())?;
        Ok(value)
    }

    pub(super) fn names(&self) -> &[Name] {
        &self.names
    }

    pub(super) fn source(&self) -> &'static str {
        self.instructions.source()
    }
}

/// `{{ expression }}` and nothing else.
fn only_expression<'a>(statement: &'a ast::Stmt<'static>) -> Option<&'a Spanned<ast::EmitExpr<'static>>> {
    match statement {
        ast::Stmt::Template(template) => match template.children.as_slice() {
            [ast::Stmt::EmitExpr(expression)] => Some(expression),
            _ => None,
        },
        _ => None,
    }
}

/// The text for as long as the process lives, once: compiled programs point into it, and a file that is read again
/// mostly has the same templates.
fn kept(text: &str) -> &'static str {
    static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    match kept.get(text) {
        Some(same) => same,
        None => {
            let new: &'static str = Box::leak(text.into());
            kept.insert(new);
            new
        }
    }
}

/// The parser's own words quote the template at most, which is the file's.
fn syntax(error: &Error, text: &str) -> Wrong {
    let at: Range<usize> = error.range().filter(|at| text.get(at.clone()).is_some()).unwrap_or(0..text.len());
    let message = error.detail().unwrap_or("cannot be read").to_owned();
    Wrong { message, at, help: None }
}
