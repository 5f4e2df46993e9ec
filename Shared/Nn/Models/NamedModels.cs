namespace DistTrain.Nn;

/// <summary>A model that can be asked for by name.</summary>
/// <param name="Name">The name, as on the command line.</param>
/// <param name="Description">One line for people.</param>
/// <param name="Create">Builds it with initial values from the thread's <see cref="RandomSource"/>.</param>
public sealed record NamedModel(string Name, string Description, Func<ModelOptions, Module> Create);

/// <summary>The models that can be asked for by name.</summary>
public static class NamedModels
{
    /// <summary>All of them, in the order in which they are listed to people.</summary>
    public static IReadOnlyList<NamedModel> All { get; } =
    [
        new("mlp", "784-512-256-10, ReLU (0.54 M parameters)", o => new Mlp(o, 512, 256)),
        new("mlp-wide", "784-2048-2048-10, ReLU (5.8 M parameters)", o => new Mlp(o, 2048, 2048)),
    ];

    /// <summary>The model of a name.</summary>
    /// <exception cref="UserErrorException">There is none of that name.</exception>
    public static NamedModel Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new UserErrorException($"there is no model called {name}: choose one of {string.Join(", ", All.Select(m => m.Name))}");

    /// <summary>Builds the model of a name.</summary>
    /// <exception cref="UserErrorException">There is none of that name, or an option does not fit it.</exception>
    public static Module Create(string name, ModelOptions? options = null) => Find(name).Create(options ?? new ModelOptions());
}
