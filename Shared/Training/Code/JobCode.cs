using System.Reflection;

namespace DistTrain.Training.Code;

/// <summary>A job in C#, found by its type.</summary>
public sealed class JobCode
{
    private const BindingFlags PublicStatic = BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private readonly Type type;
    private readonly Lazy<TrainingJob> job;

    internal JobCode(Type type, string path, string fingerprint)
    {
        this.type = type;
        Source = $"{path}:{type.FullName}";
        Reference = new JobCodeReference(type.Assembly.GetName().Name!, type.FullName!, fingerprint);
        job = new(Create);
    }

    /// <summary>Where it was found, as <c>--job</c> names it: <c>MyJobs.dll:MyJobs.SpamFilter</c>.</summary>
    public string Source { get; }

    /// <summary>What checkpoints and workers are told of it.</summary>
    public JobCodeReference Reference { get; }

    /// <summary>The job, made at the first call.</summary>
    /// <exception cref="UserErrorException">Making it failed.</exception>
    public TrainingJob Job => job.Value;

    /// <summary>The job of a type that is loaded already.</summary>
    /// <typeparam name="T">A type that implements <see cref="IJobSource"/>.</typeparam>
    public static JobCode Of<T>() where T : IJobSource, new() => JobAssembly.Of(typeof(T).Assembly).Find(typeof(T).FullName);

    /// <summary>The same C#, whose job is made anew.</summary>
    public JobCode Again() => new(type, Source[..^(type.FullName!.Length + 1)], Reference.Fingerprint);

    /// <summary>Makes the job anew.</summary>
    /// <exception cref="UserErrorException">Making it failed; the message has the reason.</exception>
    public TrainingJob Create()
    {
        try
        {
            object? made = typeof(IJobSource).IsAssignableFrom(type) ? ((IJobSource)Activator.CreateInstance(type)!).Create()
                : Member(type) is PropertyInfo property ? property.GetValue(null)
                : ((MethodInfo)Member(type)!).Invoke(null, null);
            return made as TrainingJob ?? throw new UserErrorException("it gave no job: null");
        }
        catch (Exception error)
        {
            var reason = error is TargetInvocationException or TypeInitializationException && error.InnerException is { } inner ? inner : error;
            if (reason is UserErrorException) throw new UserErrorException($"{type.FullName}: {reason.Message}", reason);
            throw new UserErrorException($"{type.FullName} could not make its job: {reason.GetType().Name}: {reason.Message.Split('\n')[0].Trim()}{Place(reason)}", reason);
        }
    }

    /// <summary>Whether a type is a job.</summary>
    internal static bool IsJob(Type type) =>
        !type.ContainsGenericParameters
        && (typeof(IJobSource).IsAssignableFrom(type) ? !type.IsAbstract && type.GetConstructor(Type.EmptyTypes) is not null : type.IsClass && Member(type) is not null);

    /// <summary>The one static member that gives a job; null for none or several.</summary>
    private static MemberInfo? Member(Type type)
    {
        MemberInfo[] members =
        [
            .. type.GetProperties(PublicStatic).Where(property => property.PropertyType == typeof(TrainingJob) && property.CanRead),
            .. type.GetMethods(PublicStatic).Where(method => method is { IsSpecialName: false, IsGenericMethod: false } && method.ReturnType == typeof(TrainingJob) && method.GetParameters().Length == 0),
        ];
        return members.Length == 1 ? members[0] : null;
    }

    /// <summary>The user's own line, where the symbols are there to tell.</summary>
    private static string Place(Exception reason) =>
        new System.Diagnostics.StackTrace(reason, fNeedFileInfo: true).GetFrames().FirstOrDefault(frame => frame.GetFileLineNumber() > 0) is { } frame
            ? $" ({Path.GetFileName(frame.GetFileName())}, line {frame.GetFileLineNumber()})" : "";
}
