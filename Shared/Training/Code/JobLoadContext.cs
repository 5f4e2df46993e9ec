using System.Reflection;
using System.Runtime.Loader;

namespace DistTrain.Training.Code;

/// <summary>Loads a user's assembly with what lies beside it; DistTrain's own assemblies are those of this process, so that types are the same.</summary>
internal sealed class JobLoadContext(string path) : AssemblyLoadContext(Path.GetFileNameWithoutExtension(path))
{
    private readonly AssemblyDependencyResolver resolver = new(path);

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (Default.Assemblies.FirstOrDefault(loaded => loaded.GetName().Name == assemblyName.Name) is { } shared) return shared;
        return resolver.ResolveAssemblyToPath(assemblyName) is { } found && !IsOfThisProcess(assemblyName) ? LoadFromAssemblyPath(found) : null;
    }

    /// <inheritdoc/>
    protected override nint LoadUnmanagedDll(string unmanagedDllName) => resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } found ? LoadUnmanagedDllFromPath(found) : 0;

    /// <summary>Whether the process would find it by itself, though it has not yet.</summary>
    private static bool IsOfThisProcess(AssemblyName name) =>
        (AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string ?? "").Split(Path.PathSeparator).Any(file => Path.GetFileNameWithoutExtension(file) == name.Name);
}
