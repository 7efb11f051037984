//! scratch
use std::sync::Arc;
use std::time::{Duration, Instant};
use async_trait::async_trait;
use lattice_capability::*;
use lattice_core::*;
use lattice_engine::*;
use http_body_util::BodyExt;
struct L { actor: parking_lot::Mutex<Option<Actor>> }
#[async_trait]
impl Linked for L {
    fn keyvalue(&self, _: Need<'_>) -> Result<Granted<dyn KeyValue>, Fault> { Err(Fault::denied("x")) }
    fn messaging(&self, _: Need<'_>) -> Result<Granted<dyn Messaging>, Fault> { Err(Fault::denied("x")) }
    fn outgoing_http(&self, _: Need<'_>) -> Result<Granted<dyn OutgoingHttp>, Fault> { Err(Fault::denied("x")) }
    fn has_link(&self, _: &InterfaceId, _: &LinkLabel) -> bool { true }
    async fn call(&self, call: OutgoingCall<'_>) -> Result<Values, Fault> {
        let a = self.actor.lock().clone().unwrap();
        let c = ctx(); let f = call.function().to_owned();
        a.call(&call.interface, &f, call.args, &c).await
    }
    fn log(&self, _: LogLevel, _: &str, m: &str) { println!("LOG {m}") }
}
fn ctx() -> CallContext { CallContext { deadline: Instant::now()+Duration::from_secs(30), source: "provider/x".parse().unwrap(), link: "lnk:test/actor/test/wasi:http/incoming-handler/default".parse().unwrap(), invocation: InvocationId::from_parts(1,[1;10]), trace: None } }
fn rss() -> String { let s = std::fs::read_to_string("/proc/self/status").unwrap(); s.lines().filter(|l| l.starts_with("VmRSS") || l.starts_with("RssAnon")).collect::<Vec<_>>().join(" ") }
#[tokio::main]
async fn main() {
    println!("start {}", rss());
    let e = Engine::new(&EngineConfig::new("/tmp/w/engine-speed-cache")).unwrap();
    println!("engine {} {}", e.profile(), rss());
    let l = Arc::new(L { actor: Default::default() });
    let all = |_: &VersionedInterface| Some(FunctionSet::All);
    let g = |n: &str| bytes::Bytes::from(std::fs::read(format!("/work/main/actors/target/components/{n}.wasm")).unwrap());
    for (name, reuse) in [("hello-http", Reuse::Fresh), ("hello-http", Reuse::Invocations(1000)), ("hello-http-p3", Reuse::Fresh), ("hello-http-p3", Reuse::Invocations(1000)), ("hello-http-p3", Reuse::Concurrent{max_in_flight:16,max_invocations:1000})] {
        let b = g(name);
        let t = Instant::now();
        let c = e.load(Digest::of(&b), &b).await.unwrap();
        let tl = t.elapsed();
        let mut o = ActorOptions::new(name.parse().unwrap()); o.reuse = reuse;
        let a = e.actor(c, o, &all, l.clone()).unwrap();
        let ts = t.elapsed();
        let req = || http::Request::builder().uri("http://x/").body(lattice_capability::http::empty_body()).unwrap();
        let r = a.http(req(), ctx()).await.unwrap(); r.into_body().collect().await.unwrap();
        println!("{name} load {tl:?} start {ts:?} first {:?} {}", t.elapsed(), rss());
        let n = 20000u32; let t = Instant::now();
        for _ in 0..n { let r = a.http(req(), ctx()).await.unwrap(); r.into_body().collect().await.unwrap(); }
        println!("{name} {reuse:?} sequential {:?}/req", t.elapsed()/n);
        let t = Instant::now();
        let hs: Vec<_> = (0..64).map(|_| { let a=a.clone(); tokio::spawn(async move { for _ in 0..n/64 { let req = http::Request::builder().uri("http://x/").body(lattice_capability::http::empty_body()).unwrap(); let r = a.http(req, ctx()).await.unwrap(); r.into_body().collect().await.unwrap(); } }) }).collect();
        for h in hs { h.await.unwrap(); }
        println!("{name} {reuse:?} 64 tasks {:?}/req {:?}", t.elapsed()/n, a.stats());
    }
    for reuse in [Reuse::Fresh, Reuse::Invocations(1000)] {
        let b = g("pong"); let c = e.load(Digest::of(&b), &b).await.unwrap(); let mut o = ActorOptions::new("pong".parse().unwrap()); o.reuse=reuse;
        *l.actor.lock() = Some(e.actor(c, o, &all, l.clone()).unwrap());
        let b = g("test-relay"); let c = e.load(Digest::of(&b), &b).await.unwrap(); let mut o = ActorOptions::new("relay".parse().unwrap()); o.reuse=reuse;
        let a = e.actor(c, o, &all, l.clone()).unwrap();
        let i: VersionedInterface = "test:relay/relay@0.1.0".parse().unwrap();
        let n = 10000u32; let t = Instant::now();
        for _ in 0..n { a.call_text(&i, "once", "\"hi\"", &ctx()).await.unwrap(); }
        println!("relay->pong {reuse:?} {:?}/call", t.elapsed()/n);
    }
    println!("end {}", rss());
    bare().await;
}
mod b {
    use wasmtime::*;
    use wasmtime::component::*;
    use wasmtime_wasi::*;
    pub struct S { pub t: ResourceTable, pub w: WasiCtx }
    impl WasiView for S { fn ctx(&mut self) -> WasiCtxView<'_> { WasiCtxView { ctx: &mut self.w, table: &mut self.t } } }
    pub fn s() -> S { S { t: ResourceTable::new(), w: WasiCtx::builder().build() } }
    pub fn engine() -> Engine { let mut c = Config::new(); let mut p = PoolingAllocationConfig::default(); p.total_core_instances(10000); p.total_memories(1000); p.total_tables(4000); p.total_stacks(1000); p.total_component_instances(1000); p.max_tables_per_module(16); c.allocation_strategy(InstanceAllocationStrategy::Pooling(p)); Engine::new(&c).unwrap() }
    pub fn engine2() -> Engine { let mut c = Config::new(); c.epoch_interruption(true); let mut p = PoolingAllocationConfig::default(); p.total_core_instances(10000); p.total_memories(1000); p.total_tables(4000); p.total_stacks(1000); p.total_component_instances(1000); p.max_tables_per_module(16); c.allocation_strategy(InstanceAllocationStrategy::Pooling(p)); Engine::new(&c).unwrap() }
}
async fn bare() {
    use wasmtime::component::*; use wasmtime::*;
    for (nm, e) in [("noepoch", b::engine()), ("epoch", b::engine2())] {
    let g = |n: &str| std::fs::read(format!("/work/main/actors/target/components/{n}.wasm")).unwrap();
    let pong = Component::from_binary(&e, &g("pong")).unwrap(); let relay = Component::from_binary(&e, &g("test-relay")).unwrap();
    let mut lp = Linker::<b::S>::new(&e); wasmtime_wasi::p2::add_to_linker_async(&mut lp).unwrap();
    lp.instance("wasi:config/store@0.2.0-rc.1").unwrap().func_new("get", |_,_,_,r| { r[0] = Val::Result(Ok(Some(Box::new(Val::Option(None))))); Ok(()) }).unwrap();
    let ppre = lp.instantiate_pre(&pong).unwrap();
    let (_, inst) = pong.get_export(None, "example:ping-pong/pong@0.1.0").unwrap(); let idx = pong.get_export_index(Some(&inst), "ping").unwrap();
    let mut lr = Linker::<b::S>::new(&e); wasmtime_wasi::p2::add_to_linker_async(&mut lr).unwrap();
    let e2 = e.clone();
    lr.instance("example:ping-pong/pong@0.1.0").unwrap().func_new_async("ping", move |_s,_t,p,r| { let ppre = ppre.clone(); let e2 = e2.clone(); Box::new(async move {
        let mut st = Store::new(&e2, b::s()); st.set_epoch_deadline(100000); let i = ppre.instantiate_async(&mut st).await?; let f = i.get_func(&mut st, idx).unwrap(); f.call_async(&mut st, p, r).await?; Ok(()) }) }).unwrap();
    let rpre = lr.instantiate_pre(&relay).unwrap();
    let (_, inst) = relay.get_export(None, "test:relay/relay@0.1.0").unwrap(); let ridx = relay.get_export_index(Some(&inst), "once").unwrap();
    let n = 10000u32; let t = Instant::now();
    for _ in 0..n { let mut st = Store::new(&e, b::s()); st.set_epoch_deadline(100000); let i = rpre.instantiate_async(&mut st).await.unwrap(); let f = i.get_func(&mut st, ridx).unwrap(); let mut r = [Val::Bool(false)]; f.call_async(&mut st, &[Val::String("hi".into())], &mut r).await.unwrap(); }
    println!("bare {nm} relay->pong fresh {:?}/call", t.elapsed()/n);
    }
}
