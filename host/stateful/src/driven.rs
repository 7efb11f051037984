//! A task that whoever brings it work may run there and then.
//!
//! Handing work to a task and its answer back costs two switches between tasks, which is more than most turns take. So the future of a task
//! lies where others reach it: who finds it idle puts its work in and polls it once, on the spot. What is not done by then goes on in the
//! task itself, whose waker the future is always polled with, whoever polls. Nothing depends on who does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;
use futures::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};

/// The place of a task's future, and who is to be woken for it.
#[derive(Default)]
pub(crate) struct Driven {
    /// None before it begins, while it is being polled, and after its end.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    task: AtomicWaker,
    /// Whether somebody other than the task polls it.
    lent: AtomicBool,
    /// Whether it was woken since it was polled last. Set before anything else is looked at, and looked at after everything else is set:
    /// of one who wakes and one who lets go, one sees the other.
    woken: AtomicBool,
}

/// The task. Dropping it drops the future.
#[must_use = "a task that nobody runs does nothing"]
pub(crate) struct Running(Arc<Driven>);

/// Somebody's right to run it for a moment.
pub(crate) struct Lent<'a> {
    driven: &'a Arc<Driven>,
    future: Option<MutexGuard<'a, Option<BoxFuture<'static, ()>>>>,
}

impl Driven {
    /// Takes the future of its task.
    pub(crate) fn run(self: &Arc<Self>, future: impl Future<Output = ()> + Send + 'static) -> Running {
        *self.future.lock() = Some(Box::pin(future));
        Running(Arc::clone(self))
    }

    /// Lets somebody run it who is about to bring it work, unless it is being run.
    pub(crate) fn lend(self: &Arc<Self>) -> Option<Lent<'_>> {
        let future = self.future.try_lock()?;
        self.lent.store(true, SeqCst);
        Some(Lent {
            driven: self,
            future: Some(future),
        })
    }

    /// Whether somebody runs it who waits for one thing of what it does.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.load(SeqCst)
    }

    fn poll(self: &Arc<Self>, place: &mut Option<BoxFuture<'static, ()>>) -> Poll<()> {
        self.woken.store(false, SeqCst);
        // Taken out: should it panic, it is gone, and with it the ends of its queues.
        let Some(mut future) = place.take() else {
            return Poll::Ready(());
        };
        let waker = Waker::from(Arc::clone(self));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            *place = Some(future);
        }
        polled
    }
}

impl Wake for Driven {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, SeqCst);
        // Who has it looks whether it was woken before letting go of it.
        if !self.is_lent() {
            self.task.wake();
        }
    }
}

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driven = &self.0;
        driven.task.register(cx.waker());
        driven.woken.store(true, SeqCst);
        match driven.future.try_lock() {
            Some(mut future) => driven.poll(&mut future),
            // Whoever has it wakes this task for what was set just now.
            None => Poll::Pending,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let future = self.0.future.lock().take();
        drop(future);
    }
}

impl Lent<'_> {
    /// Runs it until it waits for something.
    pub(crate) fn run(mut self) {
        if let Some(future) = &mut self.future
            && self.driven.poll(future).is_ready()
        {
            // Its task has to end, too.
            self.driven.woken.store(true, SeqCst);
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.driven.lent.store(false, SeqCst);
        drop(self.future.take());
        if self.driven.woken.load(SeqCst) {
            self.driven.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use tokio::sync::{mpsc, oneshot};

    use super::*;

    type Job = (u64, oneshot::Sender<u64>);

    /// Doubles numbers; above a hundred only after a while.
    async fn double(mut jobs: mpsc::Receiver<Job>, done: Arc<AtomicUsize>) {
        while let Some((number, answer)) = jobs.recv().await {
            if number > 100 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let _ = answer.send(number * 2);
            done.fetch_add(1, SeqCst);
        }
    }

    fn start() -> (Arc<Driven>, mpsc::Sender<Job>, tokio::task::JoinHandle<()>) {
        let (jobs, incoming) = mpsc::channel(1024);
        let driven = Arc::new(Driven::default());
        let task = tokio::spawn(driven.run(double(incoming, Arc::default())));
        (driven, jobs, task)
    }

    fn ask(driven: &Arc<Driven>, jobs: &mpsc::Sender<Job>, number: u64) -> oneshot::Receiver<u64> {
        let (sender, answer) = oneshot::channel();
        let lent = driven.lend();
        jobs.try_send((number, sender)).expect("there is room");
        if let Some(lent) = lent {
            lent.run();
        }
        answer
    }

    #[tokio::test]
    async fn what_needs_no_waiting_is_done_on_the_spot_and_the_rest_by_the_task() {
        let (driven, jobs, task) = start();
        assert_eq!(ask(&driven, &jobs, 4).try_recv(), Ok(8));
        let mut slow = ask(&driven, &jobs, 400);
        assert!(slow.try_recv().is_err());
        assert_eq!(slow.await, Ok(800));
        drop(jobs);
        task.await.expect("it ends");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_wake_is_lost_whoever_runs_it() {
        let (driven, jobs, task) = start();
        let callers = (0..8).map(|caller| {
            let (driven, jobs) = (Arc::clone(&driven), jobs.clone());
            tokio::spawn(async move {
                for nth in 0..2_000_u64 {
                    let number = if (nth + caller) % 97 == 0 { 101 } else { nth % 100 };
                    let answer = tokio::time::timeout(Duration::from_secs(30), ask(&driven, &jobs, number));
                    assert_eq!(answer.await.expect("it is woken"), Ok(number * 2));
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("answered");
        }
        drop(jobs);
        task.await.expect("it ends");
    }

    #[tokio::test]
    async fn what_it_has_goes_with_its_task() {
        let (driven, jobs, task) = start();
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.expect_err("ended").is_cancelled());
        assert!(jobs.is_closed());
        driven.lend().expect("nobody has it").run();
    }
}
