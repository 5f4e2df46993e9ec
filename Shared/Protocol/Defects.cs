using System.Runtime.CompilerServices;
using Akka.Actor;

namespace DistTrain.Protocol;

/// <summary>Why actors stopped. One that throws is stopped, and whoever watches it hears of its end alone: here is what it threw.</summary>
public static class Defects
{
    private static readonly ConditionalWeakTable<IActorRef, Exception> Causes = [];

    /// <summary>A sentence that an actor stopped, with the reason where it threw something.</summary>
    /// <param name="stopped">What happened, such as <c>the coordinator stopped</c>.</param>
    /// <param name="actor">The actor.</param>
    public static string Tell(string stopped, IActorRef actor)
    {
        if (!Causes.TryGetValue(actor, out var cause)) return stopped;
        if (cause is ActorInitializationException) cause = cause.GetBaseException();
        return $"{stopped}: {(cause is UserErrorException ? "" : $"{cause.GetType().Name}: ")}{cause.Message}";
    }

    /// <summary>Stops actors that throw, and remembers what they threw.</summary>
    public sealed class Strategy : SupervisorStrategyConfigurator
    {
        /// <inheritdoc/>
        public override SupervisorStrategy Create() => new Remembering();
    }

    private sealed class Remembering() : OneForOneStrategy(StoppingStrategy.Decider)
    {
        protected override Directive Handle(IActorRef child, Exception exception)
        {
            Causes.AddOrUpdate(child, exception);
            return base.Handle(child, exception);
        }
    }
}
