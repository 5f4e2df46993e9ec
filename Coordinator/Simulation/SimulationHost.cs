using Akka.Actor;
using Akka.Configuration;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Simulation;

/// <summary>
/// One actor system for many simulated runs. Actors run on the calling thread; new ones are made by a root actor, since only children start at once.
/// </summary>
internal sealed class SimulationHost : IDisposable
{
    private static readonly Config Dispatcher = ConfigurationFactory.ParseString("""
        simulation-dispatcher { type = "Akka.TestKit.CallingThreadDispatcherConfigurator, Akka.TestKit", throughput = 2147483647 }
        """);

    private readonly ActorSystem system = ActorSystem.Create("simulation", Dispatcher.WithFallback(ProtocolConfig.Shared));
    private readonly IActorRef root;
    private int made;

    public SimulationHost()
    {
        root = system.ActorOf(Props.Create(() => new Root()).WithDispatcher("simulation-dispatcher"), "root");
        // The root starts asynchronously; once it answers, everything else is on this thread.
        root.Ask<ActorIdentity>(new Identify(null)).GetAwaiter().GetResult();
    }

    public IActorRefProvider Provider => ((ExtendedActorSystem)system).Provider;

    /// <summary>A path that no other actor of the host has.</summary>
    public ActorPath NewPath(string name) => new RootActorPath(Address.AllSystems) / "link" / $"{name}-{made++}";

    public IActorRef Create<T>(Func<T> factory) where T : ActorBase
    {
        var order = new Order(Props.CreateBy(new Producer<T>(factory)).WithDispatcher("simulation-dispatcher"));
        root.Tell(order, ActorRefs.NoSender);
        return order.Made ?? throw new InvalidOperationException("a simulated actor was not made on this thread");
    }

    public void Stop(IActorRef actor) => ((IInternalActorRef)actor).Stop();

    public void Dispose() => system.Terminate().GetAwaiter().GetResult();

    private sealed class Order(Props props)
    {
        public Props Props { get; } = props;

        public IActorRef? Made { get; set; }
    }

    private sealed class Root : UntypedActor
    {
        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

        protected override void OnReceive(object message)
        {
            if (message is Order order) order.Made = Context.ActorOf(order.Props);
            else Unhandled(message);
        }
    }

    private sealed class Producer<T>(Func<T> factory) : IIndirectActorProducer where T : ActorBase
    {
        public Type ActorType => typeof(T);

        public ActorBase Produce() => factory();

        public void Release(ActorBase actor) { }
    }
}
