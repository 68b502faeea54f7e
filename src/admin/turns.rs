//! What tells a place whose turn it is: the connection itself, the question as it comes in, and the answer as it is made.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::places::Place;

/// A connection that says when something moves.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) place: Arc<Place>,
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        let before = into.filled().len();
        let tried = Pin::new(&mut connection.stream).poll_read(context, into);
        if into.filled().len() > before {
            connection.place.heard(Instant::now());
        }
        tried
    }
}

impl Connection {
    /// What came of trying to say something.
    fn said(&self, tried: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &tried {
            Poll::Ready(_) => self.place.said(Instant::now()),
            Poll::Pending => self.place.is_not_heard(Instant::now()),
        }
        tried
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        let tried = Pin::new(&mut connection.stream).poll_write(context, bytes);
        connection.said(tried)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        let tried = Pin::new(&mut connection.stream).poll_write_vectored(context, parts);
        connection.said(tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Comes when all that there was to say has been written.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        let flushed = ready!(Pin::new(&mut connection.stream).poll_flush(context));
        connection.place.all_is_said();
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// A question's body: until it has ended, or nobody wants the rest, it is the other side's turn.
pub(super) struct Question {
    body: Incoming,
    place: Arc<Place>,
}

impl Question {
    /// One whose head is here. `None` where its place has been given to another: then it may not be looked at.
    pub(super) fn new(body: Incoming, place: &Arc<Place>) -> Option<Question> {
        let is_whole = body.is_end_stream();
        place.asked(is_whole, Instant::now()).then(|| Question { body, place: Arc::clone(place) })
    }
}

impl hyper::body::Body for Question {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let question = self.get_mut();
        let frame =
            ready!(Pin::new(&mut question.body).poll_frame(context)).map(|frame| frame.map_err(axum::Error::new));
        let is_whole = frame.is_none() || question.body.is_end_stream();
        if is_whole && !question.place.told() {
            let gone = io::Error::new(io::ErrorKind::TimedOut, "the question took too long");
            return Poll::Ready(Some(Err(axum::Error::new(gone))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.place.told();
    }
}

/// An answer's body: with its end the next question may come.
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) place: Arc<Place>,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.place.answered(Instant::now());
    }
}
