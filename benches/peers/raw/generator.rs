//! Sends requests on a schedule made beforehand, whatever the answers take.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use clap::ValueEnum;
use rand::SeedableRng;
use rand_distr::{Distribution, Exp};
use rand_xoshiro::Xoshiro256PlusPlus;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use serde_json::json;

use coalmine::base::Span;
use coalmine::engine::live::clock::Moment;

use crate::punctuality::quantiles;
use crate::sockets::{Connection, Poller, answer};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to send, on loopback.
    #[arg(long)]
    port: u16,
    /// Requests a second.
    #[arg(long)]
    rate: f64,
    /// How long, in seconds.
    #[arg(long)]
    seconds: f64,
    /// How many connections there are at most: requests that find none wait, and that counts.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, value_enum, default_value_t = Arrivals::Uniform)]
    arrivals: Arrivals,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write a record of each request: when it was meant to be sent, when it was, when it
    /// was answered (0: never), and the status times 256 plus the first letter of the body. Each is
    /// 64 bits, the lowest byte first; times are nanoseconds on the monotonic clock.
    #[arg(long)]
    log: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Arrivals {
    /// Equal gaps.
    Uniform,
    /// Exponential gaps.
    Poisson,
}

struct Record {
    intended: Moment,
    sent: Option<Moment>,
    done: Option<Moment>,
    answer: u64,
}

struct Generator {
    port: u16,
    poller: Poller,
    timer: OwnedFd,
    connections: Vec<Connection>,
    /// Which request each connection waits for.
    asked: Vec<Option<usize>>,
    /// The longest idle first.
    idle: VecDeque<usize>,
    records: Vec<Record>,
    reopened: u64,
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const TIMER: usize = usize::MAX;
/// How long to wait for answers after the last request.
const PATIENCE: Span = Span::from_secs(5);

/// Plays the schedule and tells latencies from the intended instants.
pub fn generate(arguments: &Arguments) -> io::Result<String> {
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let offsets = schedule(arguments)?;
    let mut generator = Generator::new(arguments)?;
    let start = Moment::now() + Span::from_millis(20);
    generator.records = offsets
        .iter()
        .map(|offset| Record {
            intended: start + *offset,
            sent: None,
            done: None,
            answer: 0,
        })
        .collect();
    generator.play()?;
    if let Some(path) = &arguments.log {
        fs::write(path, generator.log())?;
    }
    Ok(generator.tell())
}

fn schedule(arguments: &Arguments) -> io::Result<Vec<Span>> {
    let count = (arguments.rate * arguments.seconds) as usize;
    let gaps = Exp::new(arguments.rate).map_err(io::Error::other)?;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(arguments.seed);
    let mut at = 0.0;
    let offsets = (0..count).map(|index| {
        at = match arguments.arrivals {
            Arrivals::Uniform => index as f64 / arguments.rate,
            Arrivals::Poisson => at + gaps.sample(&mut random),
        };
        Span::from_nanos((at * 1e9) as u64)
    });
    Ok(offsets.collect())
}

impl Generator {
    fn new(arguments: &Arguments) -> io::Result<Generator> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let poller = Poller::new()?;
        // Never read: setting it anew is enough to hear of it again.
        poller.add_edge(&timer, TIMER)?;
        let mut connections = Vec::new();
        for place in 0..arguments.connections {
            let connection = Connection::open(arguments.port)?;
            poller.add(&connection.stream, place)?;
            connections.push(connection);
        }
        Ok(Generator {
            port: arguments.port,
            poller,
            timer,
            asked: vec![None; arguments.connections],
            idle: (0..arguments.connections).collect(),
            connections,
            records: Vec::new(),
            reopened: 0,
        })
    }

    fn play(&mut self) -> io::Result<()> {
        let count = self.records.len();
        let Some(last) = self.records.last() else {
            return Ok(());
        };
        let end = last.intended + PATIENCE;
        let mut next = 0;
        let mut set = None;
        loop {
            while next < count && self.records[next].intended <= Moment::now() {
                let Some(place) = self.idle.pop_front() else {
                    break;
                };
                self.send(place, next)?;
                next += 1;
            }
            if next == count && self.idle.len() == self.connections.len() || Moment::now() > end {
                return Ok(());
            }
            let due = self.records.get(next).map_or(end, |next| next.intended);
            // Where all connections are busy only an answer helps, or the end.
            let due = if self.idle.is_empty() { end } else { due };
            if set != Some(due) {
                self.set_timer(due)?;
                set = Some(due);
            }
            for index in 0..self.poller.wait(None)? {
                let place = self.poller.token(index);
                if place == TIMER {
                    set = None;
                } else {
                    self.read(place)?;
                }
            }
        }
    }

    fn set_timer(&self, at: Moment) -> io::Result<()> {
        let nanos = at.as_nanos();
        let at = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: (nanos / 1_000_000_000) as i64,
                tv_nsec: (nanos % 1_000_000_000) as _,
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &at)?;
        Ok(())
    }

    fn send(&mut self, place: usize, request: usize) -> io::Result<()> {
        self.records[request].sent = Some(Moment::now());
        self.asked[place] = Some(request);
        if self.connections[place].write(REQUEST) {
            return Ok(());
        }
        self.reopen(place)
    }

    fn read(&mut self, place: usize) -> io::Result<()> {
        let connection = &mut self.connections[place];
        if !connection.fill() {
            return self.reopen(place);
        }
        let Some(answer) = answer(connection.unread()) else {
            return Ok(());
        };
        connection.consume(answer.length);
        if let Some(request) = self.asked[place].take() {
            let record = &mut self.records[request];
            record.done = Some(Moment::now());
            record.answer = u64::from(answer.status) * 256 + u64::from(answer.version);
            if answer.closes {
                return self.reopen(place);
            }
            self.idle.push_back(place);
        }
        Ok(())
    }

    /// A new connection in place of one that is over. A request that waited on it stays unanswered.
    fn reopen(&mut self, place: usize) -> io::Result<()> {
        self.reopened += 1;
        let connection = Connection::open(self.port)?;
        self.poller.add(&connection.stream, place)?;
        self.connections[place] = connection;
        self.asked[place] = None;
        if !self.idle.contains(&place) {
            self.idle.push_back(place);
        }
        Ok(())
    }

    fn log(&self) -> Vec<u8> {
        let nanos = |moment: Option<Moment>| moment.map_or(0, Moment::as_nanos);
        let record = |record: &Record| {
            let intended = record.intended.as_nanos();
            [
                intended,
                nanos(record.sent),
                nanos(record.done),
                record.answer,
            ]
        };
        let words = self.records.iter().flat_map(record);
        words.flat_map(u64::to_le_bytes).collect()
    }

    fn tell(&self) -> String {
        let micros = |later: Option<Moment>, earlier: Option<Moment>| {
            Some(later?.since(earlier?).as_nanos() as f64 / 1e3)
        };
        let sent = self.records.iter().filter(|record| record.sent.is_some());
        let good = |record: &&Record| record.answer / 256 == 200;
        let records = self.records.iter();
        let mut latency: Vec<f64> = records
            .filter_map(|record| micros(record.done, Some(record.intended)))
            .collect();
        let records = self.records.iter();
        let mut late: Vec<f64> = records
            .filter_map(|record| micros(record.sent, Some(record.intended)))
            .collect();
        json!({
            "scheduled": self.records.len(),
            "sent": sent.count(),
            "answered": latency.len(),
            "good": self.records.iter().filter(good).count(),
            "reopened": self.reopened,
            "latency_us": quantiles(&mut latency),
            "lateness_us": quantiles(&mut late),
        })
        .to_string()
    }
}
