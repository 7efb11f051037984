//! Builds the tree out of the parser's events, within bounds that no manifest meets and every YAML bomb exceeds.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::scalar::{Scalar, ScalarKind};
use super::{Entry, Node, Value};
use crate::read::Reader;
use crate::source::Span;

/// The longest text that is read: a revision of an application that is longer could not be stored.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// The most values after all aliases are followed.
const NODES_MAX: usize = 50_000;
/// The most text after all aliases are followed.
const SCALAR_BYTES_MAX: usize = 4 << 20;
/// The deepest nesting. Our forms need ten.
const DEPTH_MAX: usize = 64;

/// The documents in a text that are not empty. What cannot be parsed is a mistake, and the documents after it are still read.
pub(crate) fn documents(reader: &mut Reader) -> Vec<Node> {
    let text = reader.text();
    if text.text.len() > TEXT_BYTES_MAX {
        reader.error(Span::default(), "this is longer than 1 MiB, and so is no manifest");
        return Vec::new();
    }
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut parser = Parser::new_from_str_with_options(&text.text, options);
    let mut documents = Vec::new();
    let mut builder = Builder::new(reader);
    while builder.step(&mut parser, &mut documents) {}
    documents
}

/// A list or mapping that is not yet at its end.
struct Frame {
    span: Span,
    anchor: usize,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        keys: BTreeMap<String, Span>,
        /// A key whose value comes next; `Err` where the key is none, so that its value is dropped.
        pending: Option<Result<(String, Span), ()>>,
    },
}

struct Builder<'r> {
    reader: &'r mut Reader,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
    scalar_bytes: usize,
    /// Said once, however many there are.
    tags_told: BTreeSet<String>,
}

impl<'r> Builder<'r> {
    fn new(reader: &'r mut Reader) -> Self {
        Self {
            reader,
            frames: Vec::new(),
            anchors: BTreeMap::new(),
            root: None,
            nodes: 0,
            scalar_bytes: 0,
            tags_told: BTreeSet::new(),
        }
    }

    /// Takes up one event. False at the end.
    fn step<'t>(&mut self, parser: &mut Parser<'t, StrInput<'t>>, documents: &mut Vec<Node>) -> bool {
        let (event, span) = match parser.next() {
            None => return false,
            Some(Ok((event, span))) => (event, span),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(self.reader.text().text.len());
                self.reader.error(
                    Span { start: at, end: at },
                    format!("this is not YAML: {}", error.info()),
                );
                self.forget_document();
                return matches!(parser.proceed_next_document(), Ok(true));
            }
        };
        let range = span.byte_range().unwrap_or_default();
        let span = Span {
            start: range.start,
            end: range.end,
        };
        match event {
            Event::StreamEnd => return false,
            Event::DocumentStart(..) => self.forget_document(),
            Event::DocumentEnd => documents.extend(self.root.take().filter(|root| !root.is_null())),
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), span);
                let forced_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !forced_text;
                let node = self.scalar(&text, plain, span);
                self.keep(anchor, &node);
                return self.put(node);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span);
                self.open(span, anchor, FrameKind::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span);
                let kind = FrameKind::Map {
                    entries: Vec::new(),
                    keys: BTreeMap::new(),
                    pending: None,
                };
                self.open(span, anchor, kind);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.close(),
            Event::Alias(anchor) => return self.follow(anchor, span),
            Event::UnresolvedAlias(name) => {
                self.reader
                    .error(span, format!("nothing before this is marked with `&{name}`"));
                return self.put(broken(span));
            }
            // Events that carry no value: the start of the stream, comments and anchors, which are not asked for.
            _ => {}
        }
        true
    }

    fn forget_document(&mut self) {
        self.frames.clear();
        self.anchors.clear();
        self.root = None;
    }

    fn check_tag(&mut self, tag: Option<&Tag>, span: Span) {
        let Some(tag) = tag.filter(|tag| tag.core_suffix().is_none()) else {
            return;
        };
        let shown = tag.to_string();
        if self.tags_told.insert(shown.clone()) {
            self.reader.error(span, format!("the tag `{shown}` means nothing here"));
        }
    }

    fn scalar(&mut self, text: &str, plain: bool, span: Span) -> Node {
        let scalar = Scalar {
            text: text.to_owned(),
            plain,
            substituted: false,
        };
        match scalar.kind() {
            ScalarKind::Null => null(span),
            _ => Node {
                span,
                value: Value::Scalar(scalar),
            },
        }
    }

    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn open(&mut self, span: Span, anchor: usize, kind: FrameKind) {
        self.frames.push(Frame { span, anchor, kind });
    }

    fn close(&mut self) -> bool {
        let Some(frame) = self.frames.pop() else {
            return true;
        };
        let value = match frame.kind {
            FrameKind::List(items) => Value::List(items),
            FrameKind::Map { entries, .. } => Value::Map(entries),
        };
        let node = Node {
            span: frame.span,
            value,
        };
        self.keep(frame.anchor, &node);
        self.put(node)
    }

    /// Puts in a copy of what an alias stands for. Its parts keep their places: that is where their text is.
    fn follow(&mut self, anchor: usize, span: Span) -> bool {
        let Some(node) = self.anchors.get(&anchor) else {
            self.reader.error(span, "this stands for what it is a part of");
            return self.put(broken(span));
        };
        // Counted before it is copied.
        let (nodes, bytes) = size(node);
        if self.nodes + nodes > NODES_MAX || self.scalar_bytes + bytes > SCALAR_BYTES_MAX {
            return self.too_much(span);
        }
        self.nodes += nodes;
        self.scalar_bytes += bytes;
        let node = node.clone();
        self.put(node)
    }

    /// Puts a finished value where it belongs. False when there is too much of everything.
    fn put(&mut self, node: Node) -> bool {
        self.nodes += 1;
        if let Value::Scalar(scalar) = &node.value {
            self.scalar_bytes += scalar.text.len();
        }
        if self.nodes > NODES_MAX || self.scalar_bytes > SCALAR_BYTES_MAX {
            return self.too_much(node.span);
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return true;
        };
        match &mut frame.kind {
            FrameKind::List(items) => items.push(node),
            FrameKind::Map { entries, keys, pending } => match pending.take() {
                None => *pending = Some(read_key(&node, keys, self.reader)),
                Some(Ok((key, key_span))) => {
                    let value = placed(node, key_span);
                    entries.push(Entry { key, key_span, value });
                }
                Some(Err(())) => {}
            },
        }
        true
    }

    fn too_much(&mut self, span: Span) -> bool {
        self.reader.error(
            span,
            "there is more in this than in any manifest; are its aliases (`*name`) meant so?",
        );
        false
    }
}

/// A key of a mapping that has `keys` already.
fn read_key(node: &Node, keys: &mut BTreeMap<String, Span>, reader: &mut Reader) -> Result<(String, Span), ()> {
    let Value::Scalar(scalar) = &node.value else {
        reader.error(
            node.span,
            format!("a key must be a text, and this is {}", node.describe()),
        );
        return Err(());
    };
    if let Some(first) = keys.get(&scalar.text) {
        let line = reader.text().position(first.start).0;
        reader.error_with(
            node.span,
            format!("the key `{}` is there twice", scalar.text),
            format!("the first is on line {line}"),
        );
        return Err(());
    }
    keys.insert(scalar.text.clone(), node.span);
    Ok((scalar.text.clone(), node.span))
}

/// Nothing at all has no place of its own; its key's will do.
fn placed(node: Node, key_span: Span) -> Node {
    match node.value {
        Value::Null if node.span.start >= node.span.end => null(key_span),
        _ => node,
    }
}

fn null(span: Span) -> Node {
    Node {
        span,
        value: Value::Null,
    }
}

fn broken(span: Span) -> Node {
    Node {
        span,
        value: Value::Broken,
    }
}

/// How many values there are in one, and how much text.
fn size(node: &Node) -> (usize, usize) {
    let sum = |sizes: &mut dyn Iterator<Item = (usize, usize)>| sizes.fold((1, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    match &node.value {
        Value::Null | Value::Broken => (1, 0),
        Value::Scalar(scalar) => (1, scalar.text.len()),
        Value::List(items) => sum(&mut items.iter().map(size)),
        Value::Map(entries) => sum(&mut entries.iter().map(|entry| {
            let (nodes, bytes) = size(&entry.value);
            (nodes + 1, bytes + entry.key.len())
        })),
    }
}
