//! One thread of backends: its instances, and the time that passes for them.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;

use super::burner::Burners;
use super::control;
use super::instance::{self, Instance, Port};
use super::responder::{Answer, Ask, Fate, Responder};
use super::{BackendOptions, Command, Setting, Shared};
use crate::base::{Span, Time};
use crate::engine::actors::pool::Place;
use crate::engine::live::alarm::Alarm;
use crate::engine::live::clock::Moment;
use crate::engine::live::tally::Tally;
use crate::engine::live::token::Token;
use crate::telemetry::Version;

/// How long at most nobody looks after the instances.
const WATCH: Span = Span::from_millis(10);

/// All that a thread needs to begin.
pub(super) struct Work {
    /// Number of the thread; the first one does what is done once.
    pub(super) number: usize,
    pub(super) setting: Setting,
    pub(super) shared: Arc<Shared>,
    pub(super) options: Arc<BackendOptions>,
    pub(super) instances: Vec<(Place, Port, Arc<Tally>)>,
    pub(super) control: Option<ControlWork>,
    pub(super) commands: UnboundedReceiver<Command>,
}

/// All that the control API needs to begin.
pub(super) struct ControlWork {
    pub(super) port: Port,
    pub(super) token: Option<Token>,
    /// All threads.
    pub(super) threads: Vec<UnboundedSender<Command>>,
}

/// Starts a thread, and waits until its instances listen.
///
/// # Errors
/// When the system gives no thread, runtime, timer or socket.
pub(super) fn start(work: Work) -> io::Result<JoinHandle<()>> {
    let (ready, started) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(format!("backend-{}", work.number))
        .spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default());
            match runtime {
                // Nobody waits any more when the start has been given up.
                Err(error) => drop(ready.send(Err(error))),
                Ok(runtime) => runtime.block_on(run(work, &ready)),
            }
        })?;
    match started.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("a thread ended before it began")),
    }
}

async fn run(work: Work, ready: &mpsc::Sender<io::Result<()>>) {
    match Host::prepare(work) {
        Err(error) => drop(ready.send(Err(error))),
        Ok((host, listeners, control, commands)) => {
            if let Some(control) = control {
                spawn_local(control.serve(Rc::clone(&host)));
            }
            for (instance, listener) in host.instances.iter().zip(listeners) {
                let run = instance::run(Rc::clone(&host), Rc::clone(instance), listener);
                spawn_local(run);
                if host.shares(instance.place.version) {
                    spawn_local(instance::share(Rc::clone(&host), Rc::clone(instance)));
                }
            }
            drop(ready.send(Ok(())));
            host.watch(commands).await;
            host.drain().await;
        }
    }
}

/// What the connections and instances of a thread have in common.
#[derive(Debug)]
pub(super) struct Host {
    number: usize,
    pub(super) options: Arc<BackendOptions>,
    pub(super) alarm: Alarm,
    pub(super) responder: RefCell<Responder>,
    pub(super) routes: Vec<Vec<u8>>,
    pub(super) has_goals: bool,
    instances: Vec<Rc<Instance>>,
    shared: Arc<Shared>,
    burners: RefCell<Burners>,
    connections: Cell<usize>,
    /// Requests under way.
    busy: Cell<usize>,
    stopping: Cell<bool>,
}

type Prepared = (
    Rc<Host>,
    Vec<Option<TcpListener>>,
    Option<control::Control>,
    UnboundedReceiver<Command>,
);

impl Host {
    fn prepare(work: Work) -> io::Result<Prepared> {
        let Work {
            number,
            setting,
            shared,
            options,
            instances,
            control,
            commands,
        } = work;
        let routes = setting.world.traffic.routes.iter();
        let routes = routes
            .map(|route| {
                let name = route.name.as_bytes();
                name.strip_prefix(b"/").unwrap_or(name).to_vec()
            })
            .collect();
        let control = match control {
            None => None,
            Some(work) => Some(control::Control::new(work, &setting.world)?),
        };
        let world = &setting.world;
        let body = |place: Place| match (options.body, place.version) {
            (Some(body), _) => body,
            (None, Version::Canary) => world.canary.body as usize,
            (None, _) => world.stable.body as usize,
        };
        let host = Host {
            number,
            alarm: Alarm::new()?,
            responder: RefCell::new(Responder::new(&setting, Arc::clone(&shared), number)),
            routes,
            has_goals: !setting.world.goals.is_empty(),
            instances: (instances.into_iter())
                .map(|(place, port, tally)| Rc::new(Instance::new(place, port, tally, body(place))))
                .collect(),
            shared,
            burners: RefCell::new(Burners::new(options.processors)),
            connections: Cell::new(0),
            busy: Cell::new(0),
            stopping: Cell::new(false),
            options,
        };
        host.tend(Moment::now());
        let listeners = (host.instances.iter())
            .map(|instance| instance.first_listener())
            .collect::<io::Result<Vec<_>>>()?;
        Ok((Rc::new(host), listeners, control, commands))
    }

    /// Looks after the instances whenever something may happen by itself, until the stop.
    async fn watch(&self, mut commands: UnboundedReceiver<Command>) {
        loop {
            let next = self.tend(Moment::now());
            tokio::select! {
                () = self.alarm.at(next) => {}
                command = commands.recv() => match command {
                    None | Some(Command::Stop) => return,
                    Some(command) => self.apply(command),
                }
            }
        }
    }

    /// Does what it is told.
    pub(super) fn apply(&self, command: Command) {
        let at = Moment::now();
        let mut responder = self.responder.borrow_mut();
        match command {
            Command::Set(index, fault) => responder.set_fault(index, *fault, at),
            Command::Remove(index) => responder.remove_fault(index),
            Command::Promote => responder.promote(at),
            Command::Stop => {}
        }
        drop(responder);
        self.tend(at);
    }

    /// Brings instances, readiness, scale and burners up to `at`; when to look again.
    fn tend(&self, at: Moment) -> Moment {
        let mut responder = self.responder.borrow_mut();
        responder.look(at);
        for instance in &self.instances {
            let place = instance.place;
            let running = responder.is_running(place, at);
            if !running && instance.is_alive(instance.life()) {
                responder.forget(place);
                instance.fall(self);
            }
            instance.set_running(running);
            let ready = responder.is_ready(place, at);
            let (version, index) = (place.version, usize::from(place.index));
            self.shared.endpoints.set_ready(version, index, ready);
        }
        if self.number == 0 {
            let counts = responder.counts();
            for version in Version::ALL {
                let count = counts[version as usize];
                if self.shared.endpoints.count(version) != count {
                    self.shared.endpoints.scale(version, count);
                }
            }
            self.burners.borrow_mut().set(responder.burning());
        }
        let places = self.instances.iter().map(|instance| instance.place);
        responder.next_turn(places, at).min(at + WATCH)
    }

    /// Finishes what is under way, as long as it may take.
    async fn drain(&self) {
        self.stopping.set(true);
        for instance in &self.instances {
            instance.stop();
        }
        let end = Moment::now() + self.options.drain;
        // Once at least, so that listeners are closed.
        loop {
            let soon = Moment::now() + Span::from_millis(1);
            self.alarm.at(soon.min(end)).await;
            if self.busy.get() == 0 || Moment::now() >= end {
                return;
            }
        }
    }

    /// What becomes of a request that an instance has read.
    #[inline]
    pub(super) fn meet(&self, instance: &Instance, ask: &Ask, at: Moment) -> Fate {
        let mut responder = self.responder.borrow_mut();
        let place = instance.place;
        let fate = responder.attempt(place, ask, at);
        match &fate {
            Fate::Down => {
                responder.forget(place);
                instance.fall(self);
            }
            Fate::Answer(_) | Fate::Hang(_) => {
                let lost = responder.lost(place);
                instance.lose(lost, self);
                if responder.shares(place.version) {
                    instance.joined.notify_one();
                }
            }
            Fate::Reset(_) => {}
        }
        fate
    }

    /// Writes what the business counts of an answer, where it counts anything.
    pub(super) fn write_goals(
        &self,
        instance: &Instance,
        ask: &Ask,
        answer: &Answer,
        output: &mut Vec<u8>,
    ) {
        let mut responder = self.responder.borrow_mut();
        responder.write_goals(instance.place, ask, answer, output);
    }

    /// An instance's metrics.
    pub(super) fn expose(&self, instance: &Instance) -> String {
        let (version, index) = (instance.place.version, usize::from(instance.place.index));
        (self.options.metrics)(version, index, &instance.tally)
    }

    /// Whether requests should be sent to an instance.
    pub(super) fn is_ready(&self, instance: &Instance) -> bool {
        let (version, index) = (instance.place.version, usize::from(instance.place.index));
        self.shared.endpoints.is_ready(version, index)
    }

    fn shares(&self, version: Version) -> bool {
        self.responder.borrow().shares(version)
    }

    /// The scenario's time.
    pub(super) fn now(&self) -> Time {
        self.shared.clock.now()
    }

    /// Bytes that leaks have taken.
    pub(super) fn leaked(&self) -> &AtomicU64 {
        &self.shared.leaked
    }

    /// Whether one more connection may be opened.
    pub(super) fn may_open(&self) -> bool {
        self.connections.get() < self.options.connections
    }

    /// A connection begins.
    pub(super) fn open(&self) {
        self.connections.set(self.connections.get() + 1);
    }

    /// A connection ends.
    pub(super) fn close(&self) {
        self.connections.set(self.connections.get() - 1);
    }

    /// A request comes under way, or is over.
    pub(super) fn note_busy(&self, busy: bool) {
        let now = self.busy.get();
        self.busy.set(if busy { now + 1 } else { now - 1 });
    }

    /// Whether everything is to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }
}
