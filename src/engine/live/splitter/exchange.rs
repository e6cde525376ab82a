//! One request: the decision, its attempts, and the way of the answer to the client.

use std::future::poll_fn;
use std::rc::Rc;

use tokio::time::timeout;

use super::client::{After, Client, duration};
use super::decision::Decision;
use super::forward::{self, Addition, Ask, Lasting};
use super::mirror;
use super::relay::{Asking, Deadline, Delivered, Delivery, Ends, Heard, Upload, Watch};
use super::worker::{CONNECT_LIMIT, Worker};
use crate::base::Span;
use crate::engine::actors::pool::Place;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Body, Framing, Refusal, ResponseHead, Wire, WireError, space};
use crate::telemetry::Version;

/// Why an attempt gave no answer, or none that is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// Nobody is there.
    Refused,
    /// The connection ended before an answer.
    Cut,
    /// What came is no answer.
    Nonsense,
    /// No answer came in time.
    Late,
    /// A server error that is not passed on, because there is another attempt.
    Error,
    /// The client went away.
    Gone,
    /// The client does not send the body that it promised; the status says how.
    Body(u16),
}

impl Failure {
    fn status(self) -> u16 {
        match self {
            Failure::Cut | Failure::Nonsense => 502,
            Failure::Refused | Failure::Error => 503,
            Failure::Late => 504,
            Failure::Gone => GONE,
            Failure::Body(status) => status,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Failure::Refused | Failure::Error => "no instance takes the request",
            Failure::Cut => "the instance closed the connection without an answer",
            Failure::Nonsense => "the instance answered with something else than HTTP",
            Failure::Late => "the instance did not answer in time",
            Failure::Gone => "the client closed the connection",
            Failure::Body(_) => "the body of the request is malformed or comes too slowly",
        }
    }

    /// Whether it says nothing about the instance.
    fn is_clients(self) -> bool {
        matches!(self, Failure::Gone | Failure::Body(_))
    }
}

/// The status of a request whose client did not wait for it, as NGINX counts it.
const GONE: u16 = 499;

/// An answer whose head, and what came with it, lie in the client's output.
#[derive(Debug)]
struct Answer {
    status: u16,
    lasting: Lasting,
    /// Whether the instance takes another request on its connection.
    reusable: bool,
    delivery: Delivery,
}

/// A request between decision and answer.
#[derive(Debug)]
struct Trip<'a> {
    ask: &'a Ask,
    decision: Decision,
    /// The version that answers: stable does for one that is not there.
    version: Version,
    upload: Upload,
    /// Attempts after the first.
    retries: u32,
    arrived: Moment,
    /// When the present attempt began.
    begun: Moment,
    order: u64,
}

impl Client {
    /// Answers one request.
    pub(super) async fn exchange(&mut self, ask: &Ask, arrived: Moment) -> After {
        let upload = match self.collect(ask).await {
            Ok(upload) => upload,
            Err(WireError::Refused(refusal)) => return self.refuse(refusal).await,
            Err(WireError::Malformed(_)) => {
                let reason = "a chunk of the body is malformed";
                return self
                    .refuse(Refusal {
                        status: 400,
                        reason,
                    })
                    .await;
            }
            Err(WireError::Io(_) | WireError::Cut) => {
                self.worker.counters.client_gone.count();
                return After::Close;
            }
        };
        let worker = Rc::clone(&self.worker);
        let decision =
            (worker.decider.borrow_mut()).decide(ask, self.opens, &mut self.memory, arrived);
        self.opens = false;
        worker.counters.decided[decision.version as usize].count();
        let user = ask.user.unwrap_or(0);
        let order = (worker.log.borrow_mut()).begin(user, decision.version, arrived);
        worker.budget.borrow_mut().request();
        if decision.mirror {
            mirror::copy(&worker, &self.outgoing, ask, upload.is_done());
        }
        let trip = Trip {
            ask,
            decision,
            version: decision.version,
            upload,
            retries: 0,
            arrived,
            begun: arrived,
            order,
        };
        self.travel(&worker, trip).await
    }

    /// One attempt after another, until there is an answer or no attempt left.
    async fn travel(&mut self, worker: &Rc<Worker>, mut trip: Trip<'_>) -> After {
        loop {
            let now = worker.seconds(trip.begun);
            let place = worker.balancer.borrow_mut().choose(trip.version, now);
            let failure = match place {
                None => Failure::Refused,
                Some(place) => {
                    trip.version = place.version;
                    worker.counters.attempts.count();
                    let reused = worker.balancer.borrow_mut().begin(place);
                    let mut deadline =
                        worker.deadline(place.version, trip.begun, trip.upload.is_done());
                    let tried = self.attempt(worker, place, reused, &mut trip, &mut deadline);
                    match tried.await {
                        Ok((upstream, answer)) => {
                            return self
                                .deliver(worker, place, upstream, answer, trip, deadline)
                                .await;
                        }
                        Err(failure) => {
                            worker.end(
                                place,
                                (!failure.is_clients()).then_some(true),
                                Moment::now(),
                            );
                            failure
                        }
                    }
                }
            };
            // A server error is only taken for a failure when another attempt has been granted.
            if failure != Failure::Error
                && (failure.is_clients() || !worker.grants_retry(trip.retries, &trip.upload, true))
            {
                return self.give_up(worker, failure, &trip).await;
            }
            trip.retries += 1;
            worker.counters.retries.count();
            let backoff = worker.retries.map_or(Span::ZERO, |retries| retries.backoff);
            trip.begun = Moment::now();
            if !backoff.is_zero() {
                trip.begun = trip.begun + backoff;
                worker.alarm.at(trip.begun).await;
            }
        }
    }

    /// Sends the request to an instance, and reads the head of its answer.
    async fn attempt(
        &mut self,
        worker: &Worker,
        place: Place,
        mut reused: Option<Wire>,
        trip: &mut Trip<'_>,
        deadline: &mut Deadline<'_>,
    ) -> Result<(Wire, Answer), Failure> {
        loop {
            let fresh = reused.is_none();
            let mut upstream = match reused.take() {
                Some(upstream) => upstream,
                None => connect(worker, place, deadline).await?,
            };
            let mut asking = Asking::new();
            let mut watch = Watch::new(!trip.ask.keep_alive);
            loop {
                let heard = {
                    let request = &self.outgoing;
                    let mut ends = Ends {
                        client: &mut self.wire,
                        upstream: &mut upstream,
                        upload: &mut trip.upload,
                        watch: &mut watch,
                        deadline: &mut *deadline,
                        sent: &mut self.sent,
                    };
                    poll_fn(|context| asking.poll(context, request, &mut ends)).await
                };
                match heard {
                    Heard::Bytes => {
                        if let Some(answer) =
                            self.take_answer(worker, place, &mut upstream, trip)?
                        {
                            return Ok((upstream, answer));
                        }
                    }
                    // The instance has closed what was kept open: no fault of this request.
                    Heard::Stale if !fresh => break,
                    Heard::Stale | Heard::Cut => return Err(Failure::Cut),
                    Heard::Late => return Err(Failure::Late),
                    Heard::Gone => return Err(Failure::Gone),
                    Heard::Stalled => return Err(Failure::Body(408)),
                    Heard::Malformed => return Err(Failure::Body(400)),
                }
            }
            worker.counters.reconnects.count();
        }
    }

    /// Takes the head of an answer when it is complete, and writes it as the client gets it.
    fn take_answer(
        &mut self,
        worker: &Worker,
        place: Place,
        upstream: &mut Wire,
        trip: &Trip<'_>,
    ) -> Result<Option<Answer>, Failure> {
        let ask = trip.ask;
        loop {
            let mut space = space();
            let head = ResponseHead::parse(upstream.unread(), &mut space, ask.to_head)
                .map_err(|_| Failure::Nonsense)?;
            let Some(head) = head else {
                return Ok(None);
            };
            let length = head.length;
            match head.status {
                // Nobody has asked for another protocol.
                101 => return Err(Failure::Nonsense),
                status @ 100..200 => {
                    if status != 100 && !ask.old {
                        forward::interim(&head, &mut self.wire.output);
                    }
                    upstream.consume(length);
                    continue;
                }
                500.. if worker.grants_retry(trip.retries, &trip.upload, false) => {
                    return Err(Failure::Error);
                }
                _ => {}
            }
            let dechunk = ask.old && head.framing == Framing::Chunked;
            let closes = !ask.keep_alive
                || dechunk
                || head.framing == Framing::UntilClose
                || (!trip.upload.is_done() && head.status >= 300)
                || worker.draining.get();
            let lasting = match (closes, ask.old) {
                (true, _) => Lasting::Closes,
                (false, true) => Lasting::ToldToStay,
                (false, false) => Lasting::Stays,
            };
            let decider = worker.decider.borrow();
            let addition = Addition {
                version: place.version,
                cookie: decider.header(trip.decision.cookie),
                lasting,
                dechunk,
            };
            let mark = self.wire.output.len();
            forward::answer(&head, &addition, &mut self.wire.output);
            let body = Body::new(head.framing);
            let mut answer = Answer {
                status: head.status,
                lasting,
                reusable: head.keep_alive,
                delivery: Delivery::new(body, dechunk, worker.options.stall),
            };
            upstream.consume(length);
            if answer.delivery.begin(&mut self.wire, upstream).is_err() {
                self.wire.output.truncate(mark);
                return Err(Failure::Nonsense);
            }
            return Ok(Some(answer));
        }
    }

    /// Brings the answer to the client and counts the request.
    async fn deliver(
        &mut self,
        worker: &Worker,
        place: Place,
        mut upstream: Wire,
        mut answer: Answer,
        mut trip: Trip<'_>,
        mut deadline: Deadline<'_>,
    ) -> After {
        let mut watch = Watch::new(!trip.ask.keep_alive);
        let delivered = {
            let mut ends = Ends {
                client: &mut self.wire,
                upstream: &mut upstream,
                upload: &mut trip.upload,
                watch: &mut watch,
                deadline: &mut deadline,
                sent: &mut self.sent,
            };
            let delivery = &mut answer.delivery;
            poll_fn(|context| delivery.poll(context, &mut ends)).await
        };
        let done = Moment::now();
        let status = match delivered {
            Delivered::Whole => answer.status,
            Delivered::Cut => 502,
            Delivered::Late => 504,
            Delivered::Gone => GONE,
        };
        let failed = (delivered != Delivered::Gone).then_some(status >= 500);
        worker.end(place, failed, done);
        worker.record(&trip.recorded(), status, done);
        match delivered {
            Delivered::Whole => {}
            Delivered::Gone => {
                worker.counters.client_gone.count();
                return After::Close;
            }
            Delivered::Cut | Delivered::Late => {
                // The client must not take what it has for a whole answer.
                worker.counters.cut.count();
                return After::Close;
            }
        }
        let sent_all = trip.upload.is_done();
        if answer.reusable && sent_all && upstream.unread().is_empty() {
            worker.balancer.borrow_mut().keep(place, upstream);
        }
        match (answer.lasting, sent_all) {
            (_, false) => After::Linger,
            (Lasting::Closes, true) => After::Close,
            (_, true) => After::Next,
        }
    }

    /// Says that there is no answer, and counts the request.
    async fn give_up(&mut self, worker: &Worker, failure: Failure, trip: &Trip<'_>) -> After {
        let closes = !trip.ask.keep_alive || !trip.upload.is_done() || worker.draining.get();
        let lasting = match (closes, trip.ask.old) {
            (true, _) => Lasting::Closes,
            (false, true) => Lasting::ToldToStay,
            (false, false) => Lasting::Stays,
        };
        let written = if failure == Failure::Gone {
            Err(())
        } else {
            self.write_own(worker, failure, trip, lasting);
            self.flush().await.map_err(|_| ())
        };
        let status = if written.is_ok() {
            failure.status()
        } else {
            GONE
        };
        worker.record(&trip.recorded(), status, Moment::now());
        match (written, trip.upload.is_done()) {
            (Err(()), _) => {
                worker.counters.client_gone.count();
                After::Close
            }
            (Ok(()), false) => After::Linger,
            (Ok(()), true) if closes => After::Close,
            (Ok(()), true) => After::Next,
        }
    }

    fn write_own(&mut self, worker: &Worker, failure: Failure, trip: &Trip<'_>, lasting: Lasting) {
        let decider = worker.decider.borrow();
        let addition = Addition {
            version: trip.version,
            cookie: decider.header(trip.decision.cookie),
            lasting,
            dechunk: false,
        };
        forward::own_answer(
            failure.status(),
            failure.reason(),
            trip.ask.to_head,
            Some(&addition),
            &mut self.wire.output,
        );
    }
}

/// What is counted of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded {
    pub(super) version: Version,
    pub(super) route: usize,
    pub(super) order: u64,
    pub(super) arrived: Moment,
}

impl Trip<'_> {
    fn recorded(&self) -> Recorded {
        Recorded {
            version: self.version,
            route: self.ask.route,
            order: self.order,
            arrived: self.arrived,
        }
    }
}

/// Opens a connection to an instance.
async fn connect(
    worker: &Worker,
    place: Place,
    deadline: &mut Deadline<'_>,
) -> Result<Wire, Failure> {
    worker.counters.connects.count();
    let address = worker.endpoints.address(place.version, place.index.into());
    let late = poll_fn(|context| {
        if deadline.poll(context) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    });
    tokio::select! {
        biased;
        connected = timeout(duration(CONNECT_LIMIT), Wire::connect(address)) => match connected {
            Ok(Ok(wire)) => Ok(wire),
            Ok(Err(_)) | Err(_) => Err(Failure::Refused),
        },
        () = late => Err(Failure::Late),
    }
}
