using System.Reflection;
using System.Runtime.Loader;
using System.Security.Cryptography;

namespace DistTrain.Training.Code;

/// <summary>An assembly of a user's that holds jobs.</summary>
public sealed class JobAssembly
{
    private readonly Assembly assembly;

    private JobAssembly(Assembly assembly, string path) => (this.assembly, Path) = (assembly, path);

    /// <summary>Where it was loaded from.</summary>
    public string Path { get; }

    /// <summary>The full names of the types that are jobs.</summary>
    public IReadOnlyList<string> Jobs => [.. Types().Where(type => JobCode.IsJob(type)).Select(type => type.FullName!).Order(StringComparer.Ordinal)];

    /// <summary>Loads an assembly from a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserErrorException">There is no such file, or it is no .NET assembly.</exception>
    public static JobAssembly Load(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        if (!File.Exists(full)) throw new UserErrorException($"{path}: no such file");
        try
        {
            return new JobAssembly(new JobLoadContext(full).LoadFromAssemblyPath(full), path);
        }
        catch (Exception error) when (error is BadImageFormatException or FileLoadException or InvalidOperationException)
        {
            throw new UserErrorException($"{path} is no .NET assembly that can be loaded here: {Line(error)}", error);
        }
    }

    /// <summary>An assembly that is loaded already.</summary>
    public static JobAssembly Of(Assembly assembly) => new(assembly, assembly.GetName().Name + ".dll");

    /// <summary>Finds a job by its type's name; without one, the only job that there is.</summary>
    /// <param name="type">The type's full name, or the last part of it where that is clear.</param>
    /// <exception cref="UserErrorException">There is no such type, or it is no job; the message lists those there are.</exception>
    public JobCode Find(string? type)
    {
        var jobs = Jobs;
        string known = jobs.Count == 0 ? "it has no jobs" : $"its jobs are {string.Join(", ", jobs)}";
        if (type is null)
        {
            if (jobs.Count == 1) return Find(jobs[0]);
            throw new UserErrorException($"{Path} names no type, expected {Path}:<type>; {known}");
        }
        var found = Types().Where(candidate => candidate.FullName == type).ToList();
        if (found.Count == 0) found = [.. Types().Where(candidate => candidate.Name == type)];
        if (found.Count > 1) throw new UserErrorException($"{Path} has {found.Count} types {type}, expected a full name: {string.Join(", ", found.Select(candidate => candidate.FullName))}");
        if (found.Count == 0) throw new UserErrorException($"{Path} has no type {type}; {known}{Suggestion.Hint(type, [.. jobs, .. jobs.Select(job => job.Split('.', '+')[^1])])}");
        if (!JobCode.IsJob(found[0]))
            throw new UserErrorException($"{found[0].FullName} of {Path} is no job, expected a class that implements IJobSource and has a public constructor without parameters, or one public static property or method of type TrainingJob; {known}");
        return new JobCode(found[0], Path, Fingerprint());
    }

    /// <summary>SHA-256 over the files of <see cref="Parts"/>.</summary>
    private string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (_, file) in Parts()) hash.AppendData(file.Length > 0 ? SHA256.HashData(File.ReadAllBytes(file)) : assembly.ManifestModule.ModuleVersionId.ToByteArray());
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>
    /// The assembly and what lies beside it of those that it was built with, by name, but for DistTrain's own: what must be the same build on every machine. .NET may be of another patch there, and what a program brings
    /// along itself differs between coordinator and worker.
    /// </summary>
    internal IReadOnlyDictionary<string, string> Parts()
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Add(assembly, assembly.Location);
        return files;

        void Add(Assembly one, string file)
        {
            if (!files.TryAdd(one.GetName().Name!, file)) return;
            var context = AssemblyLoadContext.GetLoadContext(one) ?? AssemblyLoadContext.Default;
            foreach (var reference in one.GetReferencedAssemblies())
            {
                if (reference.Name!.StartsWith("DistTrain.", StringComparison.Ordinal)) continue;
                string beside = System.IO.Path.Combine(FolderOf(assembly), reference.Name + ".dll");
                if (File.Exists(beside) && TryLoad(context, reference) is { } other && !IsPartOfNet(other)) Add(other, beside);
            }
        }
    }

    /// <summary>Whether an assembly is of .NET's shared frameworks, ASP.NET Core's among them: their folders stand beside each other, <c>shared/NAME/VERSION</c>.</summary>
    private static bool IsPartOfNet(Assembly one)
    {
        string core = FolderOf(typeof(object).Assembly), folder = FolderOf(one);
        if (folder == core) return true;
        string? frameworks = System.IO.Path.GetDirectoryName(System.IO.Path.GetDirectoryName(core));
        return frameworks is not null && System.IO.Path.GetFileName(frameworks) == "shared" && folder.StartsWith(frameworks + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal);
    }

    private static string FolderOf(Assembly one) => System.IO.Path.GetDirectoryName(one.Location) ?? "";

    private static Assembly? TryLoad(AssemblyLoadContext context, AssemblyName name)
    {
        try
        {
            return context.LoadFromAssemblyName(name);
        }
        catch (Exception error) when (error is FileNotFoundException or FileLoadException or BadImageFormatException)
        {
            return null;
        }
    }

    private IEnumerable<Type> Types()
    {
        try
        {
            return assembly.GetExportedTypes();
        }
        catch (Exception error) when (error is FileNotFoundException or FileLoadException or TypeLoadException)
        {
            throw new UserErrorException($"{Path} needs an assembly that is not beside it, or another version of one: {Line(error)}", error);
        }
    }

    private static string Line(Exception error) => error.Message.Split('\n')[0].Trim();
}
