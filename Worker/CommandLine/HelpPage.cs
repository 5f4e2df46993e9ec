using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace DistTrain.Worker.CommandLine;

/// <summary>The text of <c>--help</c>: options under headings, wrapped to the terminal's width.</summary>
public static class HelpPage
{
    private const int WidestWithoutTerminal = 110;

    /// <summary>A line of help: its heading, what is typed, what it means.</summary>
    public readonly record struct Row(string Group, string Left, string Right);

    /// <summary>Gives a command this help.</summary>
    /// <param name="command">The command.</param>
    /// <param name="summary">What it does, in a few lines.</param>
    /// <param name="rows">Its options and commands.</param>
    /// <param name="variable">An environment variable to name as an example; null for a command without settings.</param>
    public static void Replace(Command command, string summary, IReadOnlyList<Row> rows, string? variable)
    {
        foreach (var help in command.Options.OfType<HelpOption>().ToList()) command.Options.Remove(help);
        command.Options.Add(new HelpOption { Action = new Action(command, summary, rows, variable) });
    }

    /// <summary>Writes the page.</summary>
    public static void Write(TextWriter output, string usage, string summary, IReadOnlyList<Row> rows, string? variable, int width)
    {
        Wrapped(output, summary, "", width);
        output.WriteLine();
        output.WriteLine($"Usage: {usage}");
        int left = Math.Min(rows.Max(row => row.Left.Length), Math.Max(16, width / 3));
        foreach (var group in rows.GroupBy(row => row.Group))
        {
            output.WriteLine();
            output.WriteLine($"{group.Key}:");
            foreach (var row in group)
            {
                output.Write("  " + row.Left.PadRight(left));
                if (row.Left.Length > left) output.Write($"{Environment.NewLine}  {new string(' ', left)}");
                output.Write("  ");
                Wrapped(output, row.Right, new string(' ', left + 4), width);
            }
        }
        if (variable is null) return;
        output.WriteLine();
        Wrapped(output, $"Each option can also come from the environment ({rows[0].Left.Split(' ')[0]} as {variable}) or from the section DistTrain of {SettingLayers.AppSettings} in the current folder. An option wins over the environment, the environment over {(rows.Any(row => row.Left.StartsWith("--job ", StringComparison.Ordinal)) ? $"the file of --job, that over {SettingLayers.AppSettings}" : "the file")}.", "", width);
    }

    /// <summary>Writes text whose first line begins where the cursor is, at the column of <paramref name="indent"/>.</summary>
    private static void Wrapped(TextWriter output, string text, string indent, int width)
    {
        foreach (var paragraph in text.Split('\n'))
        {
            int column = indent.Length;
            bool first = true;
            foreach (var word in paragraph.Split(' '))
            {
                if (!first && column + 1 + word.Length > width)
                {
                    output.WriteLine();
                    output.Write(indent);
                    column = indent.Length;
                    first = true;
                }
                if (!first) output.Write(' ');
                output.Write(word);
                column += word.Length + (first ? 0 : 1);
                first = false;
            }
            output.WriteLine();
        }
    }

    private static int Width() => Console.IsOutputRedirected || Console.WindowWidth < 20 ? WidestWithoutTerminal : Math.Min(Console.WindowWidth, 140);

    private sealed class Action(Command command, string summary, IReadOnlyList<Row> rows, string? variable) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var path = command is RootCommand ? $"{command.Name} {(command.Subcommands.Count > 0 ? "<command> " : "")}[options]" : $"{parseResult.RootCommandResult.Command.Name} {command.Name} [options]";
            List<Row> all = [.. rows, new Row(rows.Count > 0 ? rows[^1].Group : "Options", "--help", "Shows this help.")];
            Write(parseResult.InvocationConfiguration.Output, path, summary, all, variable, Width());
            return ExitCode.Done;
        }
    }
}
