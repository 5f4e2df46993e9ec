using System.Runtime.ExceptionServices;

namespace DistTrain.Simd;

/// <summary>
/// Threads that share the large kernels (matrix products, convolutions) of one thread that computes: <c>--threads-per-worker</c>. Results do not change, since
/// a kernel's parts share no chain. The helpers spin for a moment after a kernel, as the next one follows closely, then sleep. A call allocates nothing.
/// </summary>
/// <example><code>
/// using var threads = new KernelThreads(4); // this thread and three helpers
/// KernelThreads.Current = threads;          // from here on, for this thread
/// </code></example>
public sealed unsafe class KernelThreads : IDisposable
{
    // About 20 microseconds: shorter than waking a thread, longer than what usually lies between two kernels of a layer.
    private const int Spins = 400;

    [ThreadStatic]
    private static KernelThreads? current;

    private readonly Helper[] helpers;
    private delegate*<void*, int, int, void> job;
    private void* context;
    private int running;
    private volatile bool stopping;
    private volatile Exception? failure;

    /// <summary>Starts <paramref name="count"/> − 1 helpers.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    public KernelThreads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        helpers = new Helper[count - 1];
        for (var i = 0; i < helpers.Length; i++)
        {
            var helper = helpers[i] = new Helper();
            var part = i + 1;
            new Thread(() => Serve(helper, part)) { IsBackground = true, Name = $"kernels {part}" }.Start();
        }
    }

    /// <summary>The threads that share this thread's kernels; null for none, as at the start.</summary>
    public static KernelThreads? Current
    {
        get => current;
        set => current = value;
    }

    /// <summary>Lends threads to the calling thread until the result is disposed; null lends none, and leaves what there is.</summary>
    public static Loan Lend(KernelThreads? threads)
    {
        var before = current;
        if (threads != null) current = threads;
        return new Loan(before);
    }

    /// <summary>Threads in all, the calling one included.</summary>
    public int Count => helpers.Length + 1;

    /// <summary>Ends the helpers. No kernel may be running.</summary>
    public void Dispose()
    {
        stopping = true;
        foreach (var helper in helpers) helper.Wake();
        if (ReferenceEquals(current, this)) current = null;
    }

    /// <summary>Runs part 0 to <see cref="Count"/> − 1 of a job, the first one here, and returns when all are done.</summary>
    internal void Run(delegate*<void*, int, int, void> part, void* jobContext)
    {
        job = part;
        context = jobContext;
        Volatile.Write(ref running, helpers.Length);
        foreach (var helper in helpers) helper.Wake();
        part(jobContext, 0, Count);
        var wait = default(SpinWait);
        while (Volatile.Read(ref running) > 0) wait.SpinOnce(sleep1Threshold: -1);
        if (failure is not { } error) return;
        failure = null;
        ExceptionDispatchInfo.Throw(error);
    }

    private void Serve(Helper helper, int part)
    {
        while (true)
        {
            helper.Await();
            if (stopping) return;
            try
            {
                job(context, part, Count);
            }
            catch (Exception error)
            {
                failure = error; // Thrown again where the kernel was called.
            }

            Interlocked.Decrement(ref running);
        }
    }

    /// <summary>A time for which threads are lent.</summary>
    public readonly ref struct Loan
    {
        private readonly KernelThreads? before;

        internal Loan(KernelThreads? before) => this.before = before;

        /// <summary>Ends it: the thread has the helpers it had before.</summary>
        public void Dispose() => current = before;
    }

    // A call for one helper: 0 none, 1 called, 2 the helper sleeps.
    private sealed class Helper
    {
        private readonly AutoResetEvent woken = new(false);
        private int state;

        public void Wake()
        {
            if (Interlocked.Exchange(ref state, 1) == 2) woken.Set();
        }

        public void Await()
        {
            for (var spin = 0; spin < Spins; spin++)
            {
                if (Interlocked.CompareExchange(ref state, 0, 1) == 1) return;
                Thread.SpinWait(10);
            }

            // Nothing yet: sleeps, unless the call came just now.
            if (Interlocked.CompareExchange(ref state, 2, 0) == 0) woken.WaitOne();
            Volatile.Write(ref state, 0);
        }
    }
}
