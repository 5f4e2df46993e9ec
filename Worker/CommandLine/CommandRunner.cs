using System.CommandLine;
using System.CommandLine.Parsing;
using DistTrain.Training.Files;

namespace DistTrain.Worker.CommandLine;

/// <summary>
/// Runs a command line the way all of DistTrain's programs do: bad input is one line on stderr and exit code 2, nothing on stdout; a failure is one line and exit code 1; signals belong to the command
/// (<see cref="StopSignals"/>), which takes the time that it needs to save.
/// </summary>
public static class CommandRunner
{
    /// <summary>Parses and runs; returns the exit code.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] arguments)
    {
        try
        {
            var parsed = root.Parse(arguments, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
            if (Complaint(parsed) is { } complaint) throw new UserErrorException(complaint);
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (UserErrorException error)
        {
            if (error is JobErrorException job) foreach (var problem in job.Problems) await Console.Error.WriteLineAsync(OneLine($"{problem}"));
            else await Console.Error.WriteLineAsync(OneLine(error.Message));
            return ExitCode.BadArguments;
        }
        catch (Exception error)
        {
            // Only a defect gets here: a command reports the failures it knows by itself.
            await Console.Error.WriteLineAsync($"error: {OneLine(error.Message)}");
            await Console.Error.WriteLineAsync(Environment.GetEnvironmentVariable("DISTTRAIN_STACK_TRACE") is { Length: > 0 }
                ? error.ToString()
                : "This is a defect in DistTrain: please report it with the output of the same command under DISTTRAIN_STACK_TRACE=1.");
            return ExitCode.Failed;
        }
    }

    /// <summary>The message on one line.</summary>
    public static string OneLine(string message) => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>The first thing that is wrong with a command line; null for nothing.</summary>
    private static string? Complaint(ParseResult parsed)
    {
        if (parsed.Action is { ClearsParseErrors: true }) return null;
        var command = parsed.CommandResult.Command;
        if (command is RootCommand)
        {
            if (parsed.Errors.Count == 0) return null;
            var known = string.Join(", ", command.Subcommands.Select(c => c.Name));
            return parsed.UnmatchedTokens.Count > 0
                ? $"'{parsed.UnmatchedTokens[0]}' is no command of {command.Name}, expected {known}{Suggestion.Hint(parsed.UnmatchedTokens[0], command.Subcommands.Select(c => c.Name))}"
                : $"no command was given, expected {known}; {command.Name} --help tells more";
        }
        foreach (var result in parsed.CommandResult.Children.OfType<OptionResult>())
        {
            if (result.Implicit) continue;
            var option = result.Option;
            bool isOption = result.Tokens.Count > 0 && result.Tokens[0].Value.StartsWith("--", StringComparison.Ordinal);
            if (isOption) return $"{option.Name} needs a value: {option.Name} {option.HelpName}; {result.Tokens[0].Value} follows it{UnknownOption(result.Tokens[0].Value, parsed)}";
            if (result.Tokens.Count < option.Arity.MinimumNumberOfValues) return $"{option.Name} needs a value: {option.Name} {option.HelpName}";
            if (result.IdentifierTokenCount > 1) return $"{option.Name} was given {result.IdentifierTokenCount} times, expected once";
        }
        if (parsed.UnmatchedTokens.Count > 0)
        {
            var token = parsed.UnmatchedTokens[0];
            return token.StartsWith('-')
                ? $"'{token}' is no option of {command.Name}{UnknownOption(token, parsed)}"
                : $"'{token}' was not expected: {command.Name} takes options only{UnknownOption("--" + token, parsed)}";
        }
        return parsed.Errors.Count > 0 ? parsed.Errors[0].Message : null;
    }

    /// <summary>The end of a message about an unknown option.</summary>
    private static string UnknownOption(string token, ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (command.Options.Any(option => option.Name == token)) return "";
        var hint = Suggestion.Hint(token, command.Options.Select(o => o.Name));
        return hint.Length > 0 ? hint : $"; {parsed.RootCommandResult.Command.Name} {command.Name} --help lists them";
    }
}
