using DistTrain.Coordinator.Commands;
using DistTrain.Coordinator.Serving;
using DistTrain.Transport;
using DistTrain.Worker.CommandLine;
using DistTrain.Worker.Node;
using DistTrain.Worker.Operation;

namespace DistTrain.Tests.Deploy;

/// <summary>The variables of a deployed node, bound as its command binds them: an unknown name or a bad value fails.</summary>
internal sealed record NodeSettings(string Command, NodeNetwork Network, OperationOptions Operation, ServeOptions? Serve, JoinOptions? Join)
{
    /// <summary>The variable that is no setting: the job's token.</summary>
    public const string Token = "DISTTRAIN_TOKEN";

    /// <summary>Binds arguments and variables.</summary>
    public static NodeSettings Of(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> variables)
    {
        string command = arguments[0];
        if (command == "join")
        {
            var join = Bind(JoinCommand.Settings, new JoinOptions(), arguments, variables);
            return new NodeSettings(command, join.Network, join.Operation, null, join);
        }
        Assert.Equal("serve", command);
        var serve = Bind(ServeCommand.Settings, new ServeOptions(), arguments, variables);
        return new NodeSettings(command, serve.Network, serve.Operation, serve, null);
    }

    private static T Bind<T>(IReadOnlyList<Setting<T>> settings, T defaults, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> variables)
    {
        Assert.All(variables.Keys.Where(name => name != Token), name => Assert.Contains(name, settings.Select(setting => setting.Variable)));
        var given = arguments.Skip(1).ToDictionary(option => option[2..], option => new GivenText(option, "true"));
        Assert.All(given.Keys, name => Assert.Contains(name, settings.Where(setting => setting.IsSwitch).Select(setting => setting.Name)));
        return SettingLayers.Bind(settings, defaults, given, SettingLayers.FromEnvironment(settings, name => variables.GetValueOrDefault(name)));
    }
}
