namespace DistTrain.Autograd;

/// <summary>Whether operations on this thread are recorded for a backward.</summary>
public static class GradMode
{
    [ThreadStatic]
    private static int disabled;

    /// <summary>True unless a <see cref="NoGrad"/> scope is open on this thread.</summary>
    public static bool IsEnabled => disabled == 0;

    /// <summary>Opens a scope in which nothing is recorded: <c>using (GradMode.NoGrad()) { … }</c>.</summary>
    public static Scope NoGrad()
    {
        disabled++;
        return new Scope(1);
    }

    /// <summary>Opens a scope in which operations are recorded although a <see cref="NoGrad"/> scope is open around it.</summary>
    public static Scope EnableGrad()
    {
        int levels = disabled;
        disabled = 0;
        return new Scope(-levels);
    }

    /// <summary>A scope with or without recording; disposing it ends the scope.</summary>
    public readonly struct Scope : IDisposable
    {
        private readonly int levels;

        internal Scope(int levels) => this.levels = levels;

        /// <summary>Ends the scope.</summary>
        public void Dispose() => disabled -= levels;
    }
}
