//! One connection: a task that writes a request, reads the answer, and takes the next.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::driver::Driver;
use super::ledger::{Answer, Outcome};
use super::pool::{Job, Turn};
use super::seen::Failure;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Wire, WireError};

/// Serves one slot of the pool as long as there are requests.
pub(super) async fn serve(driver: Rc<Driver>, slot: u32) {
    let mut wire: Option<Wire> = None;
    let mut goals = Vec::new();
    let mut turn = Turn::Rest;
    loop {
        let next = match turn {
            Turn::Rest => await_turn(&driver, slot, &mut wire).await,
            Turn::Open => open(&driver, slot, &mut wire).await,
            Turn::Carry(job) => {
                let outcome = carry(&driver, slot, &job, &mut wire, &mut goals).await;
                outcome.map(|outcome| driver.ended(slot, &job, &outcome, &goals, wire.is_some()))
            }
        };
        match next {
            Some(next) => turn = next,
            None => return,
        }
    }
}

/// Opens a connection; `None` when the run ends before.
async fn open(driver: &Rc<Driver>, slot: u32, wire: &mut Option<Wire>) -> Option<Turn> {
    let opened = {
        let mut connecting = pin!(Wire::connect(driver.address));
        poll_fn(|context| {
            if driver.pool.borrow_mut().is_over(slot, context.waker()) {
                return Poll::Ready(None);
            }
            connecting.as_mut().poll(context).map(Some)
        })
        .await
    };
    let failure = match opened {
        Some(result) => {
            driver.ledger.borrow().opened();
            match result {
                Ok(open) => {
                    *wire = Some(open);
                    None
                }
                Err(error) => Some(kind_of(&error)),
            }
        }
        None if driver.is_closing() => return None,
        // Whoever it was opened for has been given up.
        None => None,
    };
    Some(driver.opened(slot, failure, wire.is_some()))
}

/// Waits to be told something. A connection that the other end closes meanwhile is dropped, as is one that
/// says something unasked.
async fn await_turn(driver: &Driver, slot: u32, wire: &mut Option<Wire>) -> Option<Turn> {
    poll_fn(|context| {
        if let Some(next) = driver.pool.borrow_mut().take(slot, context.waker()) {
            return Poll::Ready(next);
        }
        if let Some(open) = wire
            && has_ended(open, context)
        {
            *wire = None;
            driver.pool.borrow_mut().lose(slot);
        }
        Poll::Pending
    })
    .await
}

fn has_ended(wire: &mut Wire, context: &mut Context<'_>) -> bool {
    loop {
        match wire.stream().poll_read_ready(context) {
            Poll::Pending => return false,
            Poll::Ready(Err(_)) => return true,
            Poll::Ready(Ok(())) => match wire.try_fill() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return true,
            },
        }
    }
}

/// Carries one request to its end; `None` when the run ends before.
async fn carry(
    driver: &Driver,
    slot: u32,
    job: &Job,
    wire: &mut Option<Wire>,
    goals: &mut Vec<f64>,
) -> Option<Outcome> {
    if job.fresh {
        *wire = None;
    }
    goals.clear();
    let sent = Cell::new(None);
    let opened = wire.is_none();
    let result = {
        let mut exchange = pin!(exchange(driver, job, wire, goals, &sent));
        poll_fn(|context| {
            if driver.pool.borrow_mut().is_over(slot, context.waker()) {
                return Poll::Ready(None);
            }
            exchange.as_mut().poll(context).map(Some)
        })
        .await
    };
    let result = match result {
        Some(result) => result,
        None if driver.is_closing() => return None,
        None => Err((Failure::Timeout, None)),
    };
    if !matches!(result, Ok(answer) if answer.keep_alive) {
        *wire = None;
    }
    Some(Outcome {
        sent: sent.get(),
        opened,
        result,
    })
}

async fn exchange(
    driver: &Driver,
    job: &Job,
    wire: &mut Option<Wire>,
    goals: &mut Vec<f64>,
    sent: &Cell<Option<Moment>>,
) -> Result<Answer, (Failure, Option<Answer>)> {
    let wire = match wire {
        Some(wire) => wire,
        None => {
            let opened = Wire::connect(driver.address).await;
            driver.ledger.borrow().opened();
            wire.insert(opened.map_err(|error| (kind_of(&error), None))?)
        }
    };
    driver.write(job, &mut wire.output);
    sent.set(Some(Moment::now()));
    let written = wire.flush().await;
    // Who does not want the rest of a request may have answered already.
    if let Err(error) = written
        && wire.fill().await.unwrap_or(0) == 0
    {
        return Err((kind_of(&error), None));
    }
    let (answer, mut body) = loop {
        let read = driver.read(wire.unread(), job, goals);
        match read.map_err(|_| (Failure::Malformed, None))? {
            Some((length, answer, body)) => {
                wire.consume(length);
                if !(100..200).contains(&answer.status) {
                    break (answer, body);
                }
            }
            None => match wire.fill().await {
                Ok(0) => return Err((Failure::Reset, None)),
                Ok(_) => {}
                Err(error) => return Err((kind_of(&error), None)),
            },
        }
    };
    match wire.read_body(&mut body, |_| {}).await {
        Ok(()) => {}
        Err(WireError::Refused(_) | WireError::Malformed(_)) => {
            return Err((Failure::Malformed, Some(answer)));
        }
        Err(WireError::Io(_) | WireError::Cut) => {
            return Err((Failure::Truncated, Some(answer)));
        }
    }
    // More than was asked for belongs to no request.
    let keep_alive = answer.keep_alive && wire.unread().is_empty();
    Ok(Answer {
        keep_alive,
        ..answer
    })
}

fn kind_of(error: &io::Error) -> Failure {
    // The errors of accept and connect that mean that a table of this machine is full.
    const FULL: [rustix::io::Errno; 5] = [
        rustix::io::Errno::MFILE,
        rustix::io::Errno::NFILE,
        rustix::io::Errno::ADDRNOTAVAIL,
        rustix::io::Errno::NOBUFS,
        rustix::io::Errno::NOMEM,
    ];
    if let Some(errno) = rustix::io::Errno::from_io_error(error)
        && FULL.contains(&errno)
    {
        return Failure::Exhausted;
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Failure::Refused,
        ErrorKind::TimedOut => Failure::Timeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Failure::Unreachable,
        _ => Failure::Reset,
    }
}
