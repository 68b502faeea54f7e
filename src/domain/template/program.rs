//! A template that has been parsed, checked and compiled.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::machinery::ast::{self, Spanned};
use minijinja::machinery::{CodeGenerator, Instructions, Token, eval, make_string_output, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Value};

use super::contained::contained;
use super::language::{self, LONGEST, Use};
use super::names::{self, Found, Name};
use super::{Context, RenderError, Wrong, guard, reason};

static NO_BLOCKS: BTreeMap<&'static str, Instructions<'static>> = BTreeMap::new();

/// Around a condition, so that it is parsed as what it is in a text. The parser knows the place of an expression by the
/// token before it, and the first of a text has none.
const OPEN: &str = "{{ ";
const CLOSE: &str = " }}";

/// An expression is at most so long, in bytes, with its marks. What reads it goes one call deeper with each operator, and
/// thousands of them would end the process.
const LONGEST_EXPRESSION: u32 = 4 << 10;

/// A template has at most so many `{{` and `{%`; an `elif` goes one call deeper too.
const MOST_BLOCKS: usize = 1000;

/// Ready to run, any number of times and from any thread.
#[derive(Clone)]
pub(super) struct Program {
    environment: &'static Environment<'static>,
    escape: AutoEscape,
    instructions: Arc<Instructions<'static>>,
    found: Arc<Found>,
    /// As it was written.
    source: &'static str,
    /// How many bytes before that the parser was given.
    offset: usize,
}

/// A template's program, and whether it is exactly one expression, whose value can be asked for.
pub(super) struct Parsed {
    pub(super) text: Program,
    pub(super) expression: Option<Program>,
}

impl Program {
    /// A condition: an expression by itself.
    pub(super) fn condition(text: &str) -> Result<Program, Wrong> {
        let all = 0..text.len();
        if text.trim().is_empty() {
            return Err(Wrong::new("is empty", all, "write a condition, for example csat.low"));
        }
        if ["{{", "{%", "{#"].iter().any(|mark| text.trim_start().starts_with(mark)) {
            return Err(Wrong::new("a condition stands by itself", all, "write it without {{ and }}"));
        }
        let whole = kept(&format!("{OPEN}{text}{CLOSE}"));
        let parsed =
            Source { parsed: whole, source: &whole[OPEN.len()..whole.len() - CLOSE.len()], offset: OPEN.len() };
        let statement = parsed.statement()?;
        let Some(expression) = only_expression(&statement) else {
            return Err(Wrong::new("is more than one expression", all, "write one condition, without {{ and }}"));
        };
        let found = parsed.found(&statement, Use::Condition)?;
        Ok(parsed.compiled(Use::Condition, found.into(), |code| code.compile_expr(&expression.expr)))
    }

    /// A text with `{{ }}` in it.
    pub(super) fn text(text: &str, purpose: Use) -> Result<Parsed, Wrong> {
        let source = kept(text);
        let parsed = Source { parsed: source, source, offset: 0 };
        let statement = parsed.statement()?;
        let found = Arc::new(parsed.found(&statement, purpose)?);
        let expression = only_expression(&statement)
            .map(|only| parsed.compiled(purpose, found.clone(), |code| code.compile_expr(&only.expr)));
        let text = parsed.compiled(purpose, found, |code| code.compile_stmt(&statement));
        Ok(Parsed { text, expression })
    }

    /// The value of an expression.
    pub(super) fn evaluate(&self, context: &Context) -> Result<Value, Error> {
        self.run(context, &mut String::new()).map(Option::unwrap_or_default)
    }

    /// The text of a template.
    pub(super) fn render(&self, context: &Context) -> Result<String, RenderError> {
        let mut text = String::new();
        self.run(context, &mut text).map_err(|error| self.failure(&error, context))?;
        if text.len() > LONGEST {
            return Err(RenderError {
                leaf: None,
                message: format!("makes {} bytes, and {LONGEST} are the most", text.len()),
                help: Some("cut what is long with truncate or transcript".to_owned()),
            });
        }
        Ok(text)
    }

    fn run(&self, context: &Context, out: &mut String) -> Result<Option<Value>, Error> {
        let mut out = make_string_output(out);
        let root = context.root();
        let escape = self.escape.clone();
        contained(|| eval(self.environment, &self.instructions, root, &NO_BLOCKS, &mut out, escape))
            .map(|(value, _)| value)
    }

    /// What an error of this program says, without any lead's data.
    pub(super) fn explain(&self, error: &Error, context: &Context) -> String {
        let span = error.range().and_then(|at| shifted(&at, self.offset, self.source));
        reason::explain(error, span, self.source, &self.found, context)
    }

    pub(super) fn failure(&self, error: &Error, context: &Context) -> RenderError {
        RenderError { leaf: None, message: self.explain(error, context), help: None }
    }

    pub(super) fn names(&self) -> &[Name] {
        &self.found.names
    }

    pub(super) fn source(&self) -> &'static str {
        self.source
    }
}

/// A text that is being parsed.
struct Source {
    parsed: &'static str,
    source: &'static str,
    offset: usize,
}

impl Source {
    fn statement(&self) -> Result<ast::Stmt<'static>, Wrong> {
        // As it stands: a body's last line end is part of it.
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(|error| self.wrong(&error))?;
        self.within_limits(syntax.clone())?;
        parse(self.parsed, "template", syntax).map_err(|error| self.wrong(&error))
    }

    /// Whether it can be parsed without danger. What the parser does not understand, it says itself.
    fn within_limits(&self, syntax: SyntaxConfig) -> Result<(), Wrong> {
        let mut blocks = 0;
        let mut open = None;
        for (token, span) in tokenize(self.parsed, false, syntax).map_while(Result::ok) {
            if let Token::VariableStart | Token::BlockStart = token {
                blocks += 1;
                open = Some(span.start_offset);
            }
            let place = |begin: u32| {
                shifted(&(begin as usize..span.end_offset as usize), self.offset, self.source).unwrap_or_default()
            };
            if blocks > MOST_BLOCKS {
                let message = format!("has more than {MOST_BLOCKS} `{{{{` and `{{%`");
                return Err(Wrong::new(message, place(span.start_offset), "go through what is alike with {% for %}"));
            }
            if let Some(begin) = open.filter(|begin| span.end_offset - begin > LONGEST_EXPRESSION) {
                let message = format!("an expression is longer than {LONGEST_EXPRESSION} bytes");
                let help = "look for one of many with `in [...]`, or part it into several";
                return Err(Wrong::new(message, place(begin), help));
            }
            if let Token::VariableEnd | Token::BlockEnd = token {
                open = None;
            }
        }
        Ok(())
    }

    /// What is looked up; the parser's places are turned into those of the text.
    fn found(&self, statement: &ast::Stmt<'static>, purpose: Use) -> Result<Found, Wrong> {
        let place = |at: &Range<usize>| shifted(at, self.offset, self.source).unwrap_or(0..self.source.len());
        match names::found(statement, language::of(purpose)) {
            Ok(mut found) => {
                found.names.iter_mut().for_each(|name| name.at = place(&name.at));
                found.parts.iter_mut().for_each(|part| *part = place(part));
                Ok(found)
            }
            Err(wrong) => Err(Wrong { at: place(&wrong.at), ..wrong }),
        }
    }

    fn compiled(&self, purpose: Use, found: Arc<Found>, compile: impl FnOnce(&mut CodeGenerator<'static>)) -> Program {
        let mut code = CodeGenerator::new("template", self.parsed);
        compile(&mut code);
        Program {
            environment: language::of(purpose),
            escape: purpose.auto_escape(),
            instructions: Arc::new(guard::guarded(&code.finish().0)),
            found,
            source: self.source,
            offset: self.offset,
        }
    }

    /// The parser's words name its own tokens and quote the template at most, which is the file's.
    fn wrong(&self, error: &Error) -> Wrong {
        let at = error.range().and_then(|at| shifted(&at, self.offset, self.source)).unwrap_or(0..self.source.len());
        let said = error.detail().unwrap_or("cannot be read");
        let message = match self.offset {
            0 => said.to_owned(),
            _ => said.replace("end of variable block", "the end of the condition"),
        };
        let written = self.source.get(at.start..).unwrap_or_default();
        Wrong { message, help: in_other_languages(written).map(str::to_owned), at }
    }
}

/// What people who come from other languages write, and what it is here.
fn in_other_languages(written: &str) -> Option<&'static str> {
    let known = [
        ("&&", "write `and`"),
        ("||", "write `or`"),
        ("!", "write `not`, or `!=`"),
        ("=", "write `==` to compare"),
        ("?", "write `a if condition else b`"),
        ("macro", "there are no macros; say it twice, or with {% set %} and {% for %}"),
        ("include", "a template is one text; there is no including"),
        ("import", "a template is one text; there is no importing"),
        ("break", "there is no break; write {% for x in list if ... %}"),
        ("continue", "there is no continue; write {% for x in list if ... %}"),
    ];
    known.into_iter().find(|(begin, _)| written.starts_with(begin)).map(|(_, help)| help)
}

/// A place that the parser names, in the text as it was written.
fn shifted(at: &Range<usize>, offset: usize, source: &str) -> Option<Range<usize>> {
    let within = |i: usize| i.saturating_sub(offset).min(source.len());
    let at = within(at.start)..within(at.end);
    source.get(at.clone()).map(|_| at)
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
