using Akka.Configuration;
using Akka.Dispatch;

namespace DistTrain.Protocol;

/// <summary>
/// The turns of actors that a thread takes itself. A thread that has just told an actor something, and has nothing better to do, is the nearest one to run it: waking one of the pool's costs some fifty microseconds, and where all cores compute
/// it costs one of them its place. Between <see cref="Open"/> and <see cref="Close"/> actors on the dispatcher <see cref="Dispatcher"/> that get mail from this thread wait for <see cref="Run"/>; at all other times, and from all other threads,
/// the pool runs them.
/// </summary>
public sealed class ActorTurns
{
    /// <summary>The dispatcher whose actors take such turns: their messages are short work, and never wait.</summary>
    public const string Dispatcher = "disttrain-turns";

    [ThreadStatic]
    private static ActorTurns? current;

    private readonly Queue<IRunnable> waiting = new();
    private bool open;

    private ActorTurns()
    {
    }

    /// <summary>The settings of the dispatcher.</summary>
    internal static Config Settings { get; } = ConfigurationFactory.ParseString($$"""
        {{Dispatcher}} {
          type = Dispatcher
          executor = "{{typeof(Configurator).FullName}}, {{typeof(Configurator).Assembly.GetName().Name}}"
          throughput = 30
        }
        """);

    /// <summary>Those of the calling thread.</summary>
    public static ActorTurns OfThisThread => current ??= new ActorTurns();

    /// <summary>From here on the thread takes turns.</summary>
    public void Open() => open = true;

    /// <summary>Takes all turns that wait, and those that follow from them.</summary>
    public void Run()
    {
        while (waiting.TryDequeue(out var turn)) turn.Run();
    }

    /// <summary>Takes all turns that wait; from here on the pool takes them.</summary>
    public void Close()
    {
        Run();
        open = false;
    }

    private static void Take(IRunnable turn)
    {
        if (current is { open: true } own) own.waiting.Enqueue(turn);
        else ThreadPool.UnsafeQueueUserWorkItem(turn, preferLocal: false);
    }

    /// <summary>Makes the dispatcher's executor; made by Akka, by name.</summary>
    /// <param name="config">The dispatcher's settings.</param>
    /// <param name="prerequisites">What the actor system gives all of them.</param>
    public sealed class Configurator(Config config, IDispatcherPrerequisites prerequisites) : ExecutorServiceConfigurator(config, prerequisites)
    {
        /// <inheritdoc/>
        public override ExecutorService Produce(string id) => new Executor(id);
    }

    private sealed class Executor(string id) : ExecutorService(id)
    {
        public override void Execute(IRunnable run) => Take(run);

        public override void Shutdown()
        {
        }
    }
}
